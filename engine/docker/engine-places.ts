// Environment and config files → the places where a container engine may listen, in the order they are tried.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment, PlatformEngines } from '../../src/contract/provider.ts';
import type { Outcome } from '../../src/model/failure.ts';
import { fail, ok } from '../../src/model/failure.ts';
import { withoutAddressCredentials } from '../../src/model/url-credentials.ts';

export type Address =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls: Tls | null }
  | { readonly kind: 'ssh'; readonly target: string; readonly port: number | null };

/** Folder with `ca.pem`, `cert.pem`, `key.pem`. */
export interface Tls {
  readonly folder: string;
}

export interface Place {
  /** What named it, e.g. `DOCKER_HOST`. */
  readonly source: string;
  /** As people write it, without a password, e.g. `unix:///var/run/docker.sock`. */
  readonly name: string;
  readonly address: Outcome<Address>;
}

export interface Surroundings {
  /** `--engine`; like `DOCKER_HOST`, the only place tried when it is there. */
  readonly engine?: string;
  readonly environment: Environment;
  /** Home folder of the user. */
  readonly home: string;
  /** Of the platform: after the others. */
  readonly offered?: Pick<PlatformEngines, 'places'>;
}

export async function enginePlaces(around: Surroundings): Promise<readonly Place[]> {
  const { engine, environment, home } = around;
  const tls = tlsOf(environment, home);
  if (engine !== undefined && engine !== '') return [place('--engine', engine, tls)];
  const host = environment.DOCKER_HOST;
  if (host !== undefined && host !== '') return [place('DOCKER_HOST', host, tls)];
  const context = await contextPlace(around);
  const runtime = environment.XDG_RUNTIME_DIR;
  const sockets: readonly (readonly [string, string])[] = [
    ['Docker', '/var/run/docker.sock'],
    ['Docker Desktop', join(home, '.docker/run/docker.sock')],
    ...(runtime ? [['rootless Docker', join(runtime, 'docker.sock')] as const] : []),
    ...(runtime ? [['Podman', join(runtime, 'podman/podman.sock')] as const] : []),
    ['Podman', '/run/podman/podman.sock'],
    ['Colima', join(home, '.colima/default/docker.sock')],
    ['OrbStack', join(home, '.orbstack/run/docker.sock')],
  ];
  return [
    ...(context === null ? [] : [context]),
    ...sockets.map(([source, path]) => place(source, `unix://${path}`, null)),
    ...(around.offered?.places ?? []).map(({ source, address, certificates }) =>
      place(source, address, certificates === null ? null : { folder: certificates }),
    ),
  ];
}

/** Addresses as DOCKER_HOST has them. */
export function parseAddress(text: string, tls: Tls | null): Outcome<Address> {
  const unix = /^unix:\/\/(\/.+)$/.exec(text) ?? /^(\/.+)$/.exec(text);
  if (unix?.[1] !== undefined) return ok({ kind: 'unix', path: unix[1] });
  const [, scheme = 'tcp', rest = ''] = /^(?:([a-z]+):\/\/)?([^/].*)$/.exec(text) ?? [];
  if (
    !['tcp', 'http', 'https', 'ssh'].includes(scheme) ||
    rest.includes('://') ||
    !URL.canParse(`http://${rest}`)
  ) {
    return noAddress(text);
  }
  const url = new URL(`http://${rest}`);
  const port = /:(\d+)(?:\/|$)/.exec(rest)?.[1];
  if (scheme === 'ssh') {
    const target = url.username === '' ? url.hostname : `${decodeURIComponent(url.username)}@${url.hostname}`;
    // Both go to ssh as words: one that looks like an option is none.
    if (target.startsWith('-')) return noAddress(text);
    return ok({ kind: 'ssh', target, port: port === undefined ? null : Number(port) });
  }
  const secure = scheme === 'https' || tls !== null;
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return ok({
    kind: 'tcp',
    host,
    port: Number(port ?? (secure ? 2376 : 2375)),
    tls: secure ? (tls ?? { folder: '' }) : null,
  });
}

const noAddress = (text: string): Outcome<never> =>
  fail('usage', 'no-engine', `${withoutAddressCredentials(text)} is no address of a container engine`, {
    hint: 'write e.g. unix:///var/run/docker.sock, tcp://HOST:2375 or ssh://USER@HOST',
  });

const place = (source: string, address: string, tls: Tls | null): Place => ({
  source,
  name: withoutAddressCredentials(address),
  address: parseAddress(address, tls),
});

function tlsOf(environment: Environment, home: string): Tls | null {
  if (!environment.DOCKER_TLS_VERIFY && !environment.DOCKER_CERT_PATH) return null;
  return { folder: environment.DOCKER_CERT_PATH ?? join(home, '.docker') };
}

/** The context that `docker` itself would use; null for the default one. */
async function contextPlace({ environment, home }: Surroundings): Promise<Place | null> {
  const folder = environment.DOCKER_CONFIG ?? join(home, '.docker');
  const name = (environment.DOCKER_CONTEXT ?? '') || (await currentContext(folder));
  if (name === null || name === 'default') return null;
  const source = `Docker context ${name}`;
  const id = createHash('sha256').update(name).digest('hex');
  try {
    const meta = JSON.parse(
      await readFile(join(folder, 'contexts/meta', id, 'meta.json'), 'utf8'),
    ) as ContextMeta;
    const host = meta.Endpoints?.docker?.Host;
    if (host === undefined) throw new Error('it names no host');
    const certs = join(folder, 'contexts/tls', id, 'docker');
    const hasCerts = await readFile(join(certs, 'ca.pem')).then(
      () => true,
      () => false,
    );
    return place(source, host, hasCerts ? { folder: certs } : null);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return { source, name, address: fail('environment', 'no-engine', `cannot be read: ${cause}`) };
  }
}

async function currentContext(folder: string): Promise<string | null> {
  try {
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as {
      currentContext?: string;
    };
    return config.currentContext ?? null;
  } catch {
    // No file, or one that docker complains about itself: the default places are tried.
    return null;
  }
}

interface ContextMeta {
  readonly Endpoints?: { readonly docker?: { readonly Host?: string } };
}
