// The environment of a job → where the engine of its service docker:dind listens, and what is wrong when none does.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment, PlatformEngines } from '../../src/contract/provider.ts';
import { variable } from '../shared/variable.ts';

const waitMs = 60_000;
/** CAP_SYS_ADMIN. https://man7.org/linux/man-pages/man7/capabilities.7.html */
const sysAdmin = 1n << 21n;

/**
 * `DOCKER_TLS_CERTDIR` is read by docker:dind: set and empty, it listens without TLS.
 * https://docs.gitlab.com/ci/docker/docker_in_docker/
 */
export function gitlabEngines(
  environment: Environment,
  status = () => readFileSync('/proc/self/status', 'utf8'),
): PlatformEngines {
  const folder = join(variable(environment, 'DOCKER_TLS_CERTDIR') || '/certs', 'client');
  const source = 'the service docker';
  const plain = { source, address: 'tcp://docker:2375', certificates: null };
  return {
    places:
      environment.DOCKER_TLS_CERTDIR === ''
        ? [plain]
        : [{ source, address: 'tcp://docker:2376', certificates: folder }, plain],
    waitMs,
    hint: () => {
      if (environment.CI_DISPOSABLE_ENVIRONMENT !== 'true')
        return 'start one on the machine of the runner, and let its user gitlab-runner use it';
      if (!mayBePrivileged(status))
        return "this runner's containers are not privileged: set privileged = true in its config.toml, or mount /var/run/docker.sock there";
      if (variable(environment, 'DOCKER_TLS_CERTDIR') !== '' && !existsSync(join(folder, 'ca.pem')))
        return `there are no certificates in ${folder}: set volumes = ["${folder}", "/cache"] in the runner's config.toml`;
      return 'add the service docker:dind to the job, or mount /var/run/docker.sock in the config.toml of the runner';
    },
  };
}

/** What this container could have at most is what its neighbours have; who is not root there has nothing of it. */
function mayBePrivileged(status: () => string): boolean {
  try {
    const bounds = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status())?.[1];
    return bounds === undefined || (BigInt(`0x${bounds}`) & sysAdmin) !== 0n;
  } catch {
    return true;
  }
}
