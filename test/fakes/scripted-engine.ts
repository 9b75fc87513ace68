// An engine whose steps do what the test says, when the test says: every interleaving is exact and nothing sleeps.
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { createHash } from 'node:crypto';
import { extract } from 'tar-stream';
import type {
  Engine,
  Image,
  Sandbox,
  SandboxSpec,
  ServiceSpec,
  Snapshot,
  SnapshotInfo,
  StepEnd,
  StepOutput,
  StepSpec,
  StopSignals,
} from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import type { LogStream } from '../../src/model/event.ts';
import { pinnedDigest } from '../../src/model/image-reference.ts';
import {
  type ScriptedFiles,
  type ScriptedStore,
  archiveOf,
  keepSnapshot,
  scriptedCaches,
  scriptedSnapshots,
  scriptedStore,
  setMakers,
  volumeOf,
} from './scripted-store.ts';

/** What a scripted step may do. */
export interface StepIo {
  readonly job: string;
  /** All the step gets, its secrets included. */
  readonly env: Readonly<Record<string, string>>;
  /** The sandbox's files by absolute path, to read and to change; those of its secrets are there while it runs. */
  readonly files: Map<string, string>;
  /** What each cache of the sandbox holds, by its name: relative path → content. */
  readonly caches: ReadonlyMap<string, ScriptedFiles>;
  write(stream: LogStream, bytes: string | Uint8Array): Promise<void>;
  /** From here on SIGTERM does not end the step; resolves when it comes. */
  trapTerm(): Promise<void>;
}

export interface ScriptedEnd extends Partial<Omit<StepEnd, 'outputs' | 'summary' | 'stopped'>> {
  readonly outputs?: string;
  readonly summary?: string;
}

export interface EngineScript {
  /** One step; without an answer it ends with 0. A promise that never resolves is a step that hangs. */
  readonly step?: (step: StepSpec, io: StepIo) => Promise<ScriptedEnd | undefined> | ScriptedEnd | undefined;
  readonly image?: (reference: string) => Promise<Outcome<Image>> | Outcome<Image>;
  /** What the registry serves; without an answer every image, by a digest made of its name. */
  readonly registryDigest?: (reference: string) => Outcome<string | null>;
  /** Called before a sandbox opens; a failure is what `open` gives. */
  readonly open?: (spec: SandboxSpec) => Promise<Failure | undefined> | Failure | undefined;
  /** A failure is what `snapshot` gives. */
  readonly snapshot?: (spec: SandboxSpec) => Promise<Failure | undefined> | Failure | undefined;
  readonly service?: (service: ServiceSpec) => Promise<Failure | undefined> | Failure | undefined;
}

/** What happened, in order, e.g. `open a`, `run a: npm test`, `close a`. */
export interface ScriptedEngine extends Engine {
  readonly calls: readonly string[];
  /** Sandboxes now open. */
  readonly sandboxes: number;
  lose(): void;
  /** What became of whoever made the snapshots that are there now. */
  makersAre(now: SnapshotInfo['maker']): void;
  killService(name: string): void;
}

/** A promise that the test resolves. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return { opened: promise.then(() => undefined), open: () => resolve(undefined) };
}

export const digestFor = (text: string): string =>
  `sha256:${createHash('sha256').update(text).digest('hex')}`;

const lostFailure = fail('environment', 'engine-lost', 'lost the container engine').failure;
const closedFailure = fail('environment', 'sandbox-died', 'the sandbox was closed').failure;
const maxSection = 1024 * 1024;

export function scriptedEngine(script: EngineScript = {}): ScriptedEngine {
  const calls: string[] = [];
  const lost = new AbortController();
  const open = new Set<ScriptedSandbox>();
  const store = scriptedStore();
  const inUse = (): SandboxSpec[] => [...open].map(({ spec }) => spec);
  return {
    description: 'scripted',
    lost: lost.signal,
    calls,
    snapshots: scriptedSnapshots(store, inUse),
    caches: scriptedCaches(store, inUse),
    get sandboxes() {
      return open.size;
    },
    lose: () => lost.abort(lostFailure),
    makersAre: (now) => setMakers(store, now),
    killService(name) {
      const failure = fail('pipeline', 'service-failed', `the service ${name} exited with 1`).failure;
      for (const sandbox of open) if (sandbox.services.has(name)) sandbox.serviceEnd.abort(failure);
    },
    async image(reference) {
      calls.push(`image ${reference}`);
      if (lost.signal.aborted) return { ok: false, failure: lostFailure };
      const id = digestFor(reference);
      const digest = pinnedDigest(reference) ?? id;
      const image = { reference, id, digest, published: true, hasVolumes: false };
      return (await script.image?.(reference)) ?? ok(image);
    },
    registryDigest(reference, signal) {
      calls.push(`registry ${reference}`);
      if (lost.signal.aborted) return Promise.resolve({ ok: false, failure: lostFailure });
      if (signal.aborted) return Promise.resolve(fail('environment', 'cancelled', 'cancelled'));
      return Promise.resolve(
        script.registryDigest?.(reference) ?? ok(pinnedDigest(reference) ?? digestFor(reference)),
      );
    },
    async open(spec) {
      calls.push(`open ${spec.job}`);
      const failure = lost.signal.aborted ? lostFailure : await script.open?.(spec);
      if (failure !== undefined) return { ok: false, failure };
      if (spec.snapshot !== null && !store.snapshots.has(spec.snapshot))
        return fail('environment', 'snapshot-missing', `there is no snapshot ${spec.snapshot}`);
      const sandbox = new ScriptedSandbox(spec, script, store, lost.signal, calls, () =>
        open.delete(sandbox),
      );
      open.add(sandbox);
      return ok(sandbox);
    },
    sweep: () => Promise.resolve(0),
    async close() {
      calls.push('close engine');
      await Promise.all([...open].map((sandbox) => sandbox.close()));
      for (const [name, { mount }] of store.volumes) if (mount.store === null) store.volumes.delete(name);
    },
  };
}

class ScriptedSandbox implements Sandbox {
  readonly owner = { uid: 0, gid: 0 };
  readonly serviceEnd = new AbortController();
  readonly services = new Set<string>();
  readonly spec: SandboxSpec;
  readonly #files: ScriptedFiles;
  readonly #caches: ReadonlyMap<string, ScriptedFiles>;
  readonly #store: ScriptedStore;
  readonly #closing = new AbortController();
  readonly #script: EngineScript;
  readonly #lost: AbortSignal;
  readonly #calls: string[];
  readonly #closed: () => void;
  #busy = false;

  constructor(
    spec: SandboxSpec,
    script: EngineScript,
    store: ScriptedStore,
    lost: AbortSignal,
    calls: string[],
    closed: () => void,
  ) {
    this.spec = spec;
    this.#store = store;
    this.#files = new Map(store.snapshots.get(spec.snapshot ?? '')?.files);
    this.#caches = new Map(spec.caches.map((cache) => [cache.cache, volumeOf(store, cache)]));
    this.#script = script;
    this.#lost = lost;
    this.#calls = calls;
    this.#closed = closed;
  }

  get serviceDied(): AbortSignal {
    return this.serviceEnd.signal;
  }

  put(tar: AsyncIterable<Uint8Array>): Promise<Outcome<void>> {
    return this.#alone('put', async () => {
      const entries = extract();
      Readable.from(tar).pipe(entries);
      for await (const entry of entries) {
        const path = `/${entry.header.name.replace(/^\/|\/$/g, '')}`;
        const content = await text(entry);
        if (entry.header.type === 'file') this.#files.set(path, content);
      }
      return ok(undefined);
    });
  }

  startServices(
    services: readonly ServiceSpec[],
    ready: (service: string, ms: number) => void,
    stop: AbortSignal,
  ): Promise<Outcome<void>> {
    return this.#alone('services', async () => {
      const started = services.map(async (service) => {
        const failure = await this.#script.service?.(service);
        if (failure !== undefined) return failure;
        this.services.add(service.name);
        ready(service.name, 0);
        return undefined;
      });
      const cancelled = new Promise<[Failure]>((resolve) => {
        const end = (): void =>
          resolve([fail('environment', 'cancelled', 'cancelled while services started').failure]);
        if (stop.aborted) end();
        stop.addEventListener('abort', end, { once: true });
      });
      const failure = (await Promise.race([Promise.all(started), cancelled])).find(
        (one) => one !== undefined,
      );
      return failure === undefined ? ok(undefined) : { ok: false, failure };
    });
  }

  async run(step: StepSpec, output: StepOutput, stop: StopSignals): Promise<StepEnd> {
    const ran = await this.#alone(`run: ${step.script}`, async () => ok(await this.#run(step, output, stop)));
    return ran.ok ? ran.value : { ...nothing, failure: ran.failure, stopped: wanted(stop) };
  }

  snapshot(store: string, stop: AbortSignal): Promise<Outcome<Snapshot>> {
    return this.#alone('snapshot', async () => {
      const stopped = new Promise<undefined>((resolve) => {
        if (stop.aborted) resolve(undefined);
        stop.addEventListener('abort', () => resolve(undefined), { once: true });
      });
      const failure = await Promise.race([this.#script.snapshot?.(this.spec), stopped]);
      if (stop.aborted) return fail('environment', 'snapshot-failed', 'the snapshot was cancelled');
      if (failure !== undefined) return { ok: false, failure };
      const image = this.spec.image.id;
      return ok(keepSnapshot(this.#store, { store, image, files: this.#files }));
    });
  }

  get(path: string): Promise<Outcome<Readable | null>> {
    return this.#alone(`get ${path}`, async () => ok(await archiveOf(this.#files, path)));
  }

  changes(): Promise<Outcome<readonly string[]>> {
    const before = this.#store.snapshots.get(this.spec.snapshot ?? '')?.files;
    const changed = [...this.#files].filter(([path, content]) => before?.get(path) !== content);
    return this.#alone('changes', () => Promise.resolve(ok(changed.map(([path]) => path))));
  }

  close(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#calls.push(`close ${this.spec.job}`);
    this.#closing.abort();
    this.#closed();
    return Promise.resolve();
  }

  async #run(step: StepSpec, output: StepOutput, stop: StopSignals): Promise<StepEnd> {
    if (wanted(stop)) return { ...nothing, stopped: true };
    const secretFiles = Object.entries(step.secretFiles).map(
      ([name, bytes]) => [`/run/secrets/${name}`, bytes] as const,
    );
    const names = Object.fromEntries(
      Object.keys(step.secretFiles).map((name) => [`${name}_FILE`, `/run/secrets/${name}`]),
    );
    const over = new AbortController();
    const trapped = gate();
    let traps = false;
    const io: StepIo = {
      job: this.spec.job,
      env: { ...step.env, ...names, ...step.secretEnv },
      files: this.#files,
      caches: this.#caches,
      write: async (stream, bytes) => {
        if (!over.signal.aborted) await output(stream, Buffer.from(bytes));
      },
      trapTerm() {
        traps = true;
        return trapped.opened;
      },
    };
    const died = new Promise<undefined>((resolve) => {
      const die = (): void => resolve(undefined);
      const once = { signal: over.signal };
      stop.kill.addEventListener('abort', die, once);
      for (const end of [this.#lost, this.#closing.signal]) end.addEventListener('abort', die, once);
      stop.stop.addEventListener(
        'abort',
        () => {
          if (!traps) die();
          else {
            trapped.open();
            const grace = setTimeout(die, stop.graceMs);
            over.signal.addEventListener('abort', () => clearTimeout(grace));
          }
        },
        once,
      );
    });
    try {
      for (const [path, bytes] of secretFiles) this.#files.set(path, Buffer.from(bytes).toString());
      const does = Promise.resolve(this.#script.step?.(step, io)).then((end) => end ?? {});
      const end = await Promise.race([does, died]);
      if (this.#lost.aborted) return { ...nothing, failure: lostFailure };
      if (this.#closing.signal.aborted) return { ...nothing, failure: closedFailure };
      const { outputs = '', summary = '', exitCode = 0, ...rest } = end ?? {};
      const left = { ...nothing, outputs: Buffer.from(outputs), summary: Buffer.from(summary), ...rest };
      if (wanted(stop)) return { ...left, stopped: true };
      if (left.outputs.length <= maxSection && left.summary.length <= maxSection)
        return { ...left, exitCode };
      const failure = fail('pipeline', 'output-too-large', 'the step wrote more than 1 MiB').failure;
      return { ...nothing, ...rest, exitCode, failure };
    } finally {
      over.abort();
      for (const [path] of secretFiles) this.#files.delete(path);
    }
  }

  /** Calls on one sandbox never overlap: the engine that makes them so has a bug. */
  async #alone<T>(call: string, does: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    if (this.#busy) throw new Error(`${this.spec.job}: ${call} while another call is under way`);
    this.#calls.push(call.replace(/^\w+/, (verb) => `${verb} ${this.spec.job}`));
    if (this.#lost.aborted) return { ok: false, failure: lostFailure };
    if (this.#closing.signal.aborted) return { ok: false, failure: closedFailure };
    this.#busy = true;
    try {
      return await does();
    } finally {
      this.#busy = false;
    }
  }
}

const nothing: StepEnd = {
  outputs: new Uint8Array(),
  summary: new Uint8Array(),
  stopped: false,
  leftOvers: 0,
  outOfMemory: false,
  hostFilesChanged: false,
};

const wanted = (stop: StopSignals): boolean => stop.stop.aborted || stop.kill.aborted;
