// What a service says of its readiness → the script that looks, fed to a shell in the service or beside it. Pure.
import type { ImageInspectInfo } from 'dockerode';
import type { Ready } from '../../src/model/plan.ts';
import { quote } from './step-script.ts';

export type Check =
  /** A shell script; `anywhere`: it may also be run from another image in the service's network. */
  | { readonly kind: 'script'; readonly script: string; readonly anywhere: boolean; readonly what: string }
  | { readonly kind: 'health' }
  | { readonly kind: 'running' };

/** Exit code of a probe that found no tool to look with. */
export const noToolCode = 86;

/** Without `ready`: the image's HEALTHCHECK, else its first exposed TCP port, else running. */
export function checkOf(
  ready: Ready | null,
  config: Pick<ImageInspectInfo['Config'], 'Healthcheck' | 'ExposedPorts'>,
): Check {
  if (ready !== null) {
    const { check } = ready;
    if ('run' in check)
      return { kind: 'script', script: check.run, anywhere: false, what: 'its `ready` script' };
    return 'tcp' in check ? tcpCheck(check.tcp) : httpCheck(check.http);
  }
  const test = config.Healthcheck?.Test?.[0];
  if (test !== undefined && test !== 'NONE') return { kind: 'health' };
  const ports = Object.keys((config.ExposedPorts as Record<string, object> | null) ?? {}).filter((port) =>
    port.endsWith('/tcp'),
  );
  const [first] = ports.map((port) => Number.parseInt(port, 10)).sort((a, b) => a - b);
  return first === undefined ? { kind: 'running' } : tcpCheck(first);
}

/** Whether somebody listens, from the kernel's own table; one that listens on loopback alone cannot be reached. */
const tcpCheck = (port: number): Check => ({
  kind: 'script',
  anywhere: true,
  what: `TCP port ${port}`,
  script: `
for f in /proc/net/tcp /proc/net/tcp6; do
  [ -r $f ] || continue
  while read -r _ local _ state _; do
    case $local in 0100007F:* | *00000001000000:* | *FFFF00000100007F:*) continue ;; esac
    case $local/$state in *:${port.toString(16).toUpperCase().padStart(4, '0')}/0A) exit 0 ;; esac
  done <$f
done
exit 1`,
});

const httpCheck = (url: string): Check => {
  const address = quote(url);
  const python = `import sys, urllib.request as r; r.build_opener(r.ProxyHandler({})).open(sys.argv[1], timeout=5)`;
  const node = `fetch(process.argv[1], { signal: AbortSignal.timeout(5000) }).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))`;
  return {
    kind: 'script',
    anywhere: true,
    what: url,
    script: `
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
if command -v curl >/dev/null; then exec curl -fsSL -m 5 -o /dev/null ${address}; fi
if command -v wget >/dev/null; then
  # Not by its own -T: some builds of busybox crash on it.
  if command -v timeout >/dev/null; then exec timeout 5 wget -q -O /dev/null ${address}; fi
  exec wget -q -O /dev/null ${address}
fi
if command -v python3 >/dev/null; then exec python3 -c ${quote(python)} ${address}; fi
if command -v node >/dev/null; then exec node -e ${quote(node)} ${address}; fi
exit ${noToolCode}`,
  };
};
