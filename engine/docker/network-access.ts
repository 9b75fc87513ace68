// The host's proxies and certificate authorities → variables of every step. How to reach the network, not what to do.
import type { Environment } from '../../src/contract/provider.ts';
import { caPath } from './step-script.ts';

export interface NetworkAccess {
  /** `HTTP_PROXY`, `HTTPS_PROXY`, `NO_PROXY`, in either case, as the host has them. */
  readonly proxies: Readonly<Record<string, string>>;
  /** PEM: the public roots and the user's own; null when the host names none. */
  readonly caBundle: Uint8Array | null;
}

const proxyNames = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'] as const;
const caNames = [
  'SSL_CERT_FILE',
  'NODE_EXTRA_CA_CERTS',
  'CURL_CA_BUNDLE',
  'REQUESTS_CA_BUNDLE',
  'GIT_SSL_CAINFO',
];

/** The host's proxy variables; where it has both cases the lower one counts, as it does for curl. */
export function hostProxies(environment: Environment): Readonly<Record<string, string>> {
  const proxies: Record<string, string> = {};
  for (const name of proxyNames) {
    const value = environment[name.toLowerCase()] ?? environment[name];
    if (value !== undefined && value !== '') proxies[name] = value;
  }
  return proxies;
}

/** `own` are the job's variables: one it sets, in either case, is left alone. Services are reached past the proxy. */
export function accessVariables(
  access: NetworkAccess,
  services: readonly string[],
  own: Readonly<Record<string, string>>,
): Record<string, string> {
  const variables: Record<string, string> = {};
  const given = Object.entries(access.proxies).map(([name, value]) => [name.toUpperCase(), value] as const);
  const proxies = new Map(given);
  if (proxies.size > 0 && services.length > 0) {
    const near = ['localhost', '127.0.0.1', ...services].join(',');
    proxies.set('NO_PROXY', [proxies.get('NO_PROXY'), near].filter(Boolean).join(','));
  }
  for (const [name, value] of proxies) {
    const lower = name.toLowerCase();
    if (name in own || lower in own) continue;
    variables[name] = value;
    variables[lower] = value;
  }
  if (access.caBundle === null) return variables;
  for (const name of caNames) if (!(name in own)) variables[name] = caPath;
  return variables;
}
