// The places where an engine may listen → the first that answers, or a failure that lists them all.
import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import { join } from 'node:path';
import type Dockerode from 'dockerode';
import type { DockerOptions } from 'dockerode';
import { type Outcome, fail, ok } from '../../src/model/failure.ts';
import { type Address, type Place, type Surroundings, enginePlaces } from './engine-places.ts';
import { textOf } from './errors.ts';

export interface Connection {
  readonly docker: Dockerode;
  /** E.g. `Docker 20.10.24 (unix:///var/run/docker.sock)`. */
  readonly description: string;
}

const answerMs = 5_000;
const sshAnswerMs = 20_000;

/** `platform` is that of this process: it decides how an engine is started here. */
export async function connectEngine(
  around: Surroundings & { readonly platform: NodeJS.Platform },
): Promise<Outcome<Connection>> {
  const tried: string[] = [];
  const places = await enginePlaces(around);
  const orUnset = places.some(({ source }) => source === 'DOCKER_HOST') ? ', or unset DOCKER_HOST' : '';
  for (const place of places) {
    // What `--engine` or DOCKER_HOST name is the only place: a slip in it is not the world's.
    if (places.length === 1 && !place.address.ok) {
      const { message, hint = '' } = place.address.failure;
      return fail('usage', 'no-engine', `${place.source}: ${message}`, { hint: hint + orUnset });
    }
    const outcome = await connect(place, around);
    if (outcome.ok) return outcome;
    tried.push(`${place.name} (${place.source}): ${outcome.failure.message}`);
  }
  return fail('environment', 'no-engine', 'no container engine answers', {
    hint: howToStart(around.platform) + orUnset,
    cause: tried.join('\n'),
  });
}

const howToStart = (platform: NodeJS.Platform): string => {
  if (platform === 'darwin') return 'start one with `colima start`, `open -a Docker` or `open -a OrbStack`';
  if (platform === 'win32') return 'start Docker Desktop, or run inside WSL';
  return 'start one with `sudo systemctl start docker`, or `systemctl --user start podman.socket`';
};

async function connect(place: Place, around: Surroundings): Promise<Outcome<Connection>> {
  if (!place.address.ok) return place.address;
  const address = place.address.value;
  try {
    const options = await dockerOptions(address, around);
    // 90 ms of loading that only who runs containers pays.
    const { default: Docker } = await import('dockerode');
    const docker = new Docker(options);
    const version = await within(address.kind === 'ssh' ? sshAnswerMs : answerMs, docker.version());
    // An engine older than 18.06 names no components.
    const parts = 'Components' in version ? version.Components : [];
    const product = parts.some(({ Name }) => /podman/i.test(Name)) ? 'Podman' : 'Docker';
    return ok({ docker, description: `${product} ${version.Version.replace(/\+.*$/, '')} (${place.name})` });
  } catch (error) {
    return fail('environment', 'no-engine', reasonOf(error));
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there',
  EACCES: 'this user may not use it',
  ENOTFOUND: 'there is no such host',
};

const reasonOf = (error: unknown): string =>
  (error instanceof Error && 'code' in error ? reasons[String(error.code)] : undefined) ?? textOf(error);

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Says everything: what is left out docker-modem would take from the process's own environment. */
async function dockerOptions(
  address: Address,
  around: Surroundings,
): Promise<DockerOptions & { readonly agent?: Agent }> {
  const nothing = {
    host: undefined,
    port: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    timeout: undefined,
  };
  switch (address.kind) {
    case 'unix':
      return { ...nothing, protocol: 'http', socketPath: address.path };
    case 'tcp': {
      const where = { ...nothing, host: address.host, port: address.port };
      if (address.tls === null) return { ...where, protocol: 'http' };
      const { folder } = address.tls;
      const read = (name: string): Promise<Buffer> => readFile(join(folder, name));
      const [ca, cert, key] =
        folder === '' ? [] : await Promise.all(['ca.pem', 'cert.pem', 'key.pem'].map(read));
      return { ...where, protocol: 'https', ca, cert, key };
    }
    case 'ssh': {
      const { sshAgent } = await import('./ssh-agent.ts');
      // The name is for the HTTP header alone: the agent decides where the bytes go.
      return {
        ...nothing,
        protocol: 'http',
        host: 'docker.invalid',
        port: 80,
        agent: sshAgent(address, around.environment),
      };
    }
  }
}
