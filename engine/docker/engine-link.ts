// One connection to an engine: calls that always end, and the news whether the engine and its containers live.
import type Dockerode from 'dockerode';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import { engineFailure, statusOf } from './errors.ts';

/** How one container fared, from the engine's events. */
export interface Fate {
  /** Memory kills seen. */
  memoryKills: number;
  /** The main process's exit code, once the container died. */
  readonly died: Promise<number>;
}

/** What the engine answered, as long as nobody has read it, is an error. */
export type Attempt<T> = Outcome<T> | { readonly ok: false; readonly error: unknown };

const pingEveryMs = 1_000;
const pingsMissed = 7;

/** Owned by the engine; `close` ends its event stream and heartbeat. */
export class EngineLink {
  readonly docker: Dockerode;
  readonly #lost = new AbortController();
  readonly #fates = new Map<string, { fate: Fate; die: (code: number) => void }>();
  readonly #label: string;
  #closed = false;
  #events: NodeJS.ReadableStream | null = null;
  #heartbeat: NodeJS.Timeout | null = null;

  /** `label`, e.g. `dev.lockstep.run=ID`, picks the containers whose events are wanted. */
  constructor(docker: Dockerode, label: string) {
    this.docker = docker;
    this.#label = label;
  }

  /** Aborts with a Failure as its reason. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async watch(): Promise<Outcome<void>> {
    const heard = await this.#listen();
    if (!heard.ok) return heard;
    let missed = 0;
    let waiting = false;
    // Ticks are counted, not time: a machine that slept for an hour has not lost its engine.
    this.#heartbeat = setInterval(() => {
      if (waiting) {
        if (++missed >= pingsMissed) this.#lose(`it has not answered for ${missed} s`);
        return;
      }
      waiting = true;
      missed = 0;
      // A second try: a kept connection may just have been closed by the other side.
      this.docker
        .ping()
        .catch(() => this.docker.ping())
        .catch((error: unknown) => this.#lose(error))
        .finally(() => (waiting = false));
    }, pingEveryMs);
    this.#heartbeat.unref();
    return ok(undefined);
  }

  /** `doing` completes "could not …". Bounded by `ms`, and by the loss of the engine. */
  async call<T>(
    doing: string,
    ms: number,
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<Outcome<T>> {
    const tried = await this.attempt(doing, ms, request);
    if (tried.ok) return tried;
    if ('failure' in tried) return tried;
    return { ok: false, failure: this.lossOr(engineFailure(tried.error, doing)) };
  }

  /** As `call`, but what the engine answered is left to the caller. */
  async attempt<T>(
    doing: string,
    ms: number,
    request: (signal: AbortSignal) => Promise<T>,
  ): Promise<Attempt<T>> {
    const over = new AbortController();
    const ended = new Promise<Failure>((resolve) => {
      over.signal.addEventListener('abort', () => resolve(this.lossOr(over.signal.reason as Failure)));
    });
    const lose = (): void => over.abort();
    if (this.lost.aborted) return { ok: false, failure: this.lost.reason as Failure };
    this.lost.addEventListener('abort', lose);
    const timer = setTimeout(() => {
      over.abort(
        fail(
          'environment',
          'engine-lost',
          `the container engine did not ${doing} within ${Math.round(ms / 1000)} s`,
        ).failure,
      );
    }, ms);
    try {
      const first = await Promise.race([request(over.signal).then(ok), ended]);
      return 'ok' in first ? first : { ok: false, failure: first };
    } catch (error) {
      return over.signal.aborted ? { ok: false, failure: await ended } : { ok: false, error };
    } finally {
      clearTimeout(timer);
      this.lost.removeEventListener('abort', lose);
    }
  }

  /** As `call`, where an answer with one of the statuses `no` means no. */
  async whether(
    doing: string,
    ms: number,
    no: readonly number[],
    request: (signal: AbortSignal) => Promise<unknown>,
  ): Promise<Outcome<boolean>> {
    const tried = await this.attempt(doing, ms, request);
    if (tried.ok) return ok(true);
    if ('failure' in tried) return tried;
    if (no.includes(statusOf(tried.error) ?? 0)) return ok(false);
    return { ok: false, failure: this.lossOr(engineFailure(tried.error, doing)) };
  }

  /** Call before the container is started. */
  follow(id: string): Fate {
    const { promise, resolve } = Promise.withResolvers<number>();
    const fate: Fate = { memoryKills: 0, died: promise };
    this.#fates.set(id, { fate, die: resolve });
    return fate;
  }

  forget(id: string): void {
    this.#fates.delete(id);
  }

  /**
   * Why a container's stream ended though nobody asked it to: the engine is gone (its Failure), or the container
   * alone is (null). At most 10 s.
   */
  async whyEnded(id: string): Promise<Failure | null> {
    const asked = await this.call('answer', 8_000, () => this.docker.ping());
    if (!asked.ok) {
      this.#lose(asked.failure.cause ?? asked.failure.message);
      return this.lossOr(asked.failure);
    }
    const running = await this.attempt('inspect the container', 2_000, async () => {
      // The stream ends a little before the engine knows the container as dead.
      const died = this.#fates.get(id)?.fate.died;
      const late = new Promise<null>((resolve) => setTimeout(resolve, 1_500, null).unref());
      if (died !== undefined && (await Promise.race([died, late])) !== null) return false;
      return (await this.docker.getContainer(id).inspect()).State.Running;
    });
    const cut = running.ok && running.value;
    return cut ? fail('environment', 'engine-lost', 'the connection to the container was cut').failure : null;
  }

  close(): void {
    this.#closed = true;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#drop();
  }

  lossOr(failure: Failure): Failure {
    return this.lost.aborted ? (this.lost.reason as Failure) : failure;
  }

  #lose(cause: unknown): void {
    if (this.#closed || this.#lost.signal.aborted) return;
    const more =
      typeof cause === 'string' ? { cause } : { cause: engineFailure(cause, 'answer').cause ?? '' };
    const hint = 'is the container engine still running?';
    this.#lost.abort(
      fail('environment', 'engine-lost', 'lost the container engine', { hint, ...more }).failure,
    );
    this.close();
  }

  #drop(): void {
    if (this.#events !== null && 'destroy' in this.#events)
      (this.#events as NodeJS.ReadableStream & { destroy(): void }).destroy();
  }

  async #listen(): Promise<Outcome<void>> {
    const opened = await this.call('report its events', 10_000, () =>
      this.docker.getEvents({
        filters: { type: ['container'], event: ['oom', 'die'], label: [this.#label] },
      }),
    );
    if (!opened.ok) return opened;
    this.#events = opened.value;
    if (this.#closed) this.#drop();
    let text = '';
    opened.value.setEncoding('utf8');
    opened.value.on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.#hear(JSON.parse(line) as ContainerEvent);
    });
    opened.value.on('error', () => undefined);
    opened.value.once('close', () => void this.#heardNoMore());
    return ok(undefined);
  }

  async #heardNoMore(): Promise<void> {
    if (this.#closed) return;
    const again = await this.#listen();
    if (!again.ok) this.#lose(again.failure.cause ?? again.failure.message);
  }

  #hear(event: ContainerEvent): void {
    const known = this.#fates.get(event.Actor.ID);
    if (known === undefined) return;
    if (event.Action === 'oom') known.fate.memoryKills++;
    if (event.Action === 'die') known.die(Number(event.Actor.Attributes?.exitCode ?? -1));
  }
}

interface ContainerEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> };
}
