// The places where an engine may listen → the first that answers, or a failure that lists them all.
import { lookup } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import type { Agent } from 'node:http';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type Dockerode from 'dockerode';
import type { DockerOptions } from 'dockerode';
import type { PlatformEngines } from '../../src/contract/provider.ts';
import { type Failure, type Outcome, fail } from '../../src/model/failure.ts';
import { type Address, type Place, type Surroundings, enginePlaces } from './engine-places.ts';
import { textOf } from './errors.ts';

export interface Connection {
  readonly docker: Dockerode;
  /** E.g. `Docker 20.10.24 (unix:///var/run/docker.sock)`. */
  readonly description: string;
}

const answerMs = 5_000;
const sshAnswerMs = 20_000;
const againMs = 250;
const tellAfterMs = 3_000;

export interface Seeking extends Surroundings {
  /** Of this process: it decides how an engine is started here. */
  readonly platform: NodeJS.Platform;
  /** Where the platform puts engines, and how long they may take to start: all places are tried again until then. */
  readonly offered?: PlatformEngines;
  /** Ends the waiting; one that was there before is nothing to it: what ends in good order may need the engine. */
  readonly cancel?: AbortSignal;
  /** Told once, when it takes some seconds. */
  readonly waiting?: (message: string) => void;
}

/** Failure: `no-engine`. */
export async function connectEngine(around: Seeking): Promise<Outcome<Connection>> {
  const wasCancelled = around.cancel?.aborted === true;
  const cancel = wasCancelled ? undefined : around.cancel;
  const waitMs = wasCancelled ? 0 : (around.offered?.waitMs ?? 0);
  const began = performance.now();
  let tellAt = began + tellAfterMs;
  for (;;) {
    const { outcome, hopes } = await tryAll(around, cancel);
    const now = performance.now();
    const isOver = cancel?.aborted === true || now - began >= waitMs;
    if (outcome.ok || hopes.length === 0 || isOver) return outcome;
    if (now >= tellAt) {
      around.waiting?.(['waiting for a container engine', ...hopes].join('\n  '));
      tellAt = Infinity;
    }
    await setTimeout(againMs, undefined, { ...(cancel && { signal: cancel }) }).catch(() => undefined);
  }
}

interface Tried {
  readonly outcome: Outcome<Connection>;
  /** The places where one may answer later, each with why none does. */
  readonly hopes: readonly string[];
}

async function tryAll(around: Seeking, cancel: AbortSignal | undefined): Promise<Tried> {
  const { platform, offered } = around;
  const tried: string[] = [];
  const hopes: string[] = [];
  const places = await enginePlaces(around);
  const orUnset = places.some(({ source }) => source === 'DOCKER_HOST') ? ', or unset DOCKER_HOST' : '';
  for (const place of places) {
    // What `--engine` or DOCKER_HOST name is the only place: a slip in it is not the world's.
    if (places.length === 1 && !place.address.ok) {
      const { message, hint = '' } = place.address.failure;
      const slip = fail('usage', 'no-engine', `${place.source}: ${message}`, { hint: hint + orUnset });
      return { outcome: slip, hopes };
    }
    const outcome = await connect(place, around, cancel);
    if (outcome.ok) return { outcome, hopes };
    const line = `${place.name} (${place.source}): ${outcome.failure.message}`;
    tried.push(line);
    if (mayCome(outcome.code, places.length === 1)) hopes.push(line);
    if (cancel?.aborted) break;
  }
  const outcome = fail('environment', 'no-engine', 'no container engine answers', {
    hint: (offered?.hint() ?? howToStart(platform)) + orUnset,
    cause: tried.join('\n'),
  });
  return { outcome, hopes };
}

/** Hosts have their names before anything listens there, and a socket that nobody named is not on its way. */
const mayCome = (code: string, isNamed: boolean): boolean =>
  code !== 'ENOTFOUND' && code !== 'EACCES' && (code !== 'ENOENT' || isNamed);

const howToStart = (platform: NodeJS.Platform): string => {
  if (platform === 'darwin') return 'start one with `colima start`, `open -a Docker` or `open -a OrbStack`';
  if (platform === 'win32') return 'start Docker Desktop, or run inside WSL';
  return 'start one with `sudo systemctl start docker`, or `systemctl --user start podman.socket`';
};

/** `code`: of Node's error, or ''. */
type Answer =
  | { readonly ok: true; readonly value: Connection }
  | { readonly ok: false; readonly failure: Failure; readonly code: string };

async function connect(place: Place, around: Surroundings, cancel: AbortSignal | undefined): Promise<Answer> {
  if (!place.address.ok) return { ...place.address, code: 'ENOENT' };
  const address = place.address.value;
  try {
    const options = await dockerOptions(address, around);
    // 90 ms of loading that only who runs containers pays.
    const { default: Docker } = await import('dockerode');
    const docker = new Docker(options);
    const ms = address.kind === 'ssh' ? sshAnswerMs : answerMs;
    const version = await within(ms, cancel, docker.version());
    // An engine older than 18.06 names no components.
    const parts = 'Components' in version ? version.Components : [];
    const product = parts.some(({ Name }) => /podman/i.test(Name)) ? 'Podman' : 'Docker';
    return {
      ok: true,
      value: { docker, description: `${product} ${version.Version.replace(/\+.*$/, '')} (${place.name})` },
    };
  } catch (error) {
    const code = codeOf(error);
    return { ...fail('environment', 'no-engine', reasons[code] ?? textOf(error)), code };
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such socket',
  ECONNREFUSED: 'nobody listens there',
  EACCES: 'this user may not use it',
  ENOTFOUND: 'there is no such host',
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

async function within<T>(ms: number, cancel: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  const over = new AbortController();
  const late = setTimeout(ms, undefined, {
    signal: AbortSignal.any([over.signal, ...(cancel ? [cancel] : [])]),
  });
  try {
    return await Promise.race([
      promise,
      late.then(() => {
        throw new Error(`no answer within ${ms / 1000} s`);
      }),
    ]);
  } finally {
    over.abort();
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
      const [ca, cert, key] = folder === '' ? [] : await readCertificates(folder, address.host);
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

async function readCertificates(folder: string, host: string): Promise<readonly Buffer[]> {
  try {
    return await Promise.all(['ca.pem', 'cert.pem', 'key.pem'].map((name) => readFile(join(folder, name))));
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    // Without the host nobody is going to write them either.
    await lookup(host);
    throw new Error(`there are no certificates in ${folder}`, { cause: error });
  }
}
