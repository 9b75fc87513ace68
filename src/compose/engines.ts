// The options of a run → the container engine, connected when it is first asked for and again after it was lost.
import { homedir } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { askedCaFile, readCaBundle } from '../../engine/ca-bundle.ts';
import { hostProxies } from '../../engine/docker/network-access.ts';
import type { Environment } from '../contract/provider.ts';
import type { Engine } from '../contract/sandbox.ts';
import { ok, type Outcome } from '../model/failure.ts';
import { platformOffers } from './platform-offers.ts';

export interface EngineOptions {
  /** `--engine` and `--ca-file`. */
  readonly engine?: string;
  readonly caFile?: string;
  readonly environment: Environment;
  readonly runId: string;
  /** True: who only looks changes nothing in the engine, so it does not sweep either, and waits for none. */
  readonly onlyLooks?: boolean;
  /** Ends the wait for an engine that the platform starts. */
  readonly cancel?: AbortSignal;
  /** Told when that takes some seconds. */
  readonly waiting?: (message: string) => void;
}

export interface Engines {
  /** The engine; after it was lost, a new connection. */
  readonly current: () => Promise<Outcome<Engine>>;
  /** The engine if it was asked for and answers; asks for none. */
  readonly connected: () => Promise<Engine | null>;
  readonly close: () => Promise<void>;
}

/** What could not be swept by then is for the next run. */
const sweepMs = 10_000;

/** `tidy`: what else is to go after each sweep. */
export async function openEngines(
  options: EngineOptions,
  tidy?: (engine: Engine) => Promise<unknown>,
): Promise<Outcome<Engines>> {
  const { environment, runId } = options;
  const readCas = (): ReturnType<typeof readCaBundle> => readCaBundle(options.caFile, environment);
  if (askedCaFile(options.caFile, environment) !== undefined) {
    const asked = await readCas();
    if (!asked.ok) return asked;
  }
  const connect = async (): Promise<Outcome<Engine>> => {
    // Nothing of this for a run whose every job is answered from records.
    const caBundle = await readCas();
    if (!caBundle.ok) return caBundle;
    const [{ createDockerEngine }, offers] = await Promise.all([
      import('../../engine/docker/engine.ts'),
      // Who only acts as on another platform has the engines of this one.
      platformOffers(environment),
    ]);
    const offered = offers?.engines;
    const engine = await createDockerEngine({
      ...(options.engine !== undefined && { engine: options.engine }),
      ...(offered && { offered: options.onlyLooks === true ? { ...offered, waitMs: 0 } : offered }),
      ...(options.cancel && { cancel: options.cancel }),
      ...(options.waiting && { waiting: options.waiting }),
      environment,
      home: homedir(),
      platform: process.platform,
      pid: process.pid,
      runId,
      access: { proxies: hostProxies(environment), caBundle: caBundle.value },
    });
    // What dead runs left goes while this one gets ready: removing a container takes as long as starting one.
    if (engine.ok && options.onlyLooks !== true)
      sweeping = engine.value.sweep().then(() => tidy?.(engine.value));
    return engine;
  };
  let sweeping: Promise<unknown> = Promise.resolve();
  let last: Promise<Outcome<Engine>> | null = null;
  return ok({
    current: async () => {
      const seen = last;
      const engine = await seen;
      if (engine?.ok && !engine.value.lost.aborted) return engine;
      // Jobs that lost it together connect again once.
      if (last !== seen && last !== null) return last;
      if (engine?.ok) void engine.value.close();
      return (last = connect());
    },
    connected: async () => {
      const engine = await last;
      return engine?.ok && !engine.value.lost.aborted ? engine.value : null;
    },
    close: async () => {
      const engine = await last;
      await Promise.race([sweeping, setTimeout(sweepMs, undefined, { ref: false })]);
      if (engine?.ok) await engine.value.close();
    },
  });
}
