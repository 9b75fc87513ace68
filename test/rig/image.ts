// The repository's Dockerfile → an image on this machine's engine that runs what `npm run build` left in dist.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const lockstepImage = 'lockstep-test/image:latest';

const root = fileURLToPath(new URL('../..', import.meta.url));

export function buildLockstepImage(): void {
  // The host's network and proxy, for apt.
  const network = ['--network', 'host', '--build-arg', 'http_proxy', '--build-arg', 'HTTP_PROXY'];
  execFileSync('docker', ['build', '-q', ...network, '-t', lockstepImage, root], { stdio: 'pipe' });
}
