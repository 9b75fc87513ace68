// Service definitions → running, ready containers in the job's network.
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceSpec } from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import { type Labels, serviceContainer } from './container-spec.ts';
import type { EngineLink, Fate } from './engine-link.ts';
import { isMissingProgram } from './errors.ts';
import type { Images } from './images.ts';
import { type Check, checkOf } from './readiness.ts';
import { ServiceLog } from './service-log.ts';
import { ServiceLook } from './service-look.ts';
import { type SecretStart, noShell, secretStart } from './service-start.ts';

/** Where services live. */
export interface ServiceHome {
  readonly link: EngineLink;
  readonly images: Images;
  readonly labels: Labels;
  /** Id of the job's network. */
  readonly network: string;
  /** Image id of the job: looks at services whose own image lacks the tools. */
  readonly jobImage: string;
}

interface Running {
  readonly spec: ServiceSpec;
  readonly id: string;
  readonly fate: Fate;
  readonly log: ServiceLog;
}

const callMs = 60_000;
const defaultReady = { intervalMs: 500, timeoutMs: 60_000 };

export class Services {
  readonly #home: ServiceHome;
  readonly #closing: AbortSignal;
  readonly #died = new AbortController();
  readonly #containers = new Set<string>();
  readonly #names: string[] = [];
  #starting: Promise<unknown> = Promise.resolve();

  constructor(home: ServiceHome, closing: AbortSignal) {
    this.#home = home;
    this.#closing = closing;
  }

  /** Aborts with a Failure when a service ends after it was ready. */
  get died(): AbortSignal {
    return this.#died.signal;
  }

  get names(): readonly string[] {
    return this.#names;
  }

  /** Ends early when `stop` aborts, with the failure `cancelled`. */
  async start(
    specs: readonly ServiceSpec[],
    ready: (service: string, ms: number) => void,
    stop: AbortSignal,
  ): Promise<Outcome<void>> {
    this.#names.push(...specs.map((spec) => spec.name));
    const settled = new AbortController();
    const starting = Promise.all(specs.map((spec) => this.#startOne(spec, ready, stop, settled.signal)));
    this.#starting = starting;
    const outcomes = await starting;
    settled.abort();
    return outcomes.find((outcome) => !outcome.ok) ?? ok(undefined);
  }

  /** Removes all and the network; `job` is the container that is still in it. */
  async remove(job: string): Promise<void> {
    const { link, network } = this.#home;
    await this.#starting;
    const containers = [...this.#containers, job].map((id) => link.docker.getContainer(id));
    await Promise.all(
      containers.map((container) =>
        link.attempt('remove a container', callMs, () => container.remove({ force: true, v: true })),
      ),
    );
    // The engine lets go of a container's place in the network a little after its removal was asked for.
    for (let tries = 0; tries < 50; tries++) {
      const removed = await link.attempt('remove a network', callMs, () =>
        link.docker.getNetwork(network).remove(),
      );
      if (removed.ok || 'failure' in removed) return;
      if (/not found|no such network/i.test(String(removed.error))) return;
      await delay(100);
    }
  }

  /** Null where it is granted none. */
  async #secretStart(spec: ServiceSpec): Promise<Outcome<SecretStart | null>> {
    if (Object.keys(spec.secretEnv).length === 0) return ok(null);
    const info = await this.#home.images.info(spec.image.id);
    return info.ok ? secretStart(spec, info.value.Config) : info;
  }

  async #launch(spec: ServiceSpec): Promise<Outcome<Running>> {
    const { link, labels, network } = this.#home;
    const hidden = await this.#secretStart(spec);
    if (!hidden.ok) return hidden;
    const options = { ...serviceContainer(spec, labels, network), ...hidden.value?.options };
    const made = await link.call(`create the service ${spec.name}`, callMs, (signal) =>
      link.docker.createContainer({ ...options, abortSignal: signal }),
    );
    if (!made.ok) return made;
    const container = made.value;
    this.#containers.add(container.id);
    const fate = link.follow(container.id);
    const stdin = hidden.value !== null;
    const attached = await link.call(`attach to the service ${spec.name}`, callMs, () =>
      container.attach({ stream: true, stdin, stdout: true, stderr: true, hijack: true }),
    );
    if (!attached.ok) return attached;
    const log = new ServiceLog(attached.value, spec.redactor);
    if (hidden.value !== null) attached.value.write(hidden.value.text);
    const started = await link.attempt(`start the service ${spec.name}`, callMs, () => container.start());
    if (!started.ok) {
      if ('failure' in started) return started;
      const cause = started.error instanceof Error ? started.error.message : String(started.error);
      if (stdin && isMissingProgram(started.error)) return { ok: false, failure: noShell(spec, cause) };
      return fail('pipeline', 'service-failed', `the service ${spec.name} could not be started`, { cause });
    }
    return ok({ spec, id: container.id, fate, log });
  }

  async #startOne(
    spec: ServiceSpec,
    ready: (service: string, ms: number) => void,
    stop: AbortSignal,
    over: AbortSignal,
  ): Promise<Outcome<void>> {
    const started = performance.now();
    const given = Promise.withResolvers<Failure>();
    const { lost } = this.#home.link;
    whenAborted(stop, over, () =>
      given.resolve(fail('environment', 'cancelled', 'cancelled while services started').failure),
    );
    whenAborted(this.#closing, over, () =>
      given.resolve(fail('environment', 'sandbox-died', 'the sandbox was closed').failure),
    );
    whenAborted(lost, over, () => given.resolve(lost.reason as Failure));
    if (stop.aborted || this.#closing.aborted) return { ok: false, failure: await given.promise };
    const launched = await this.#launch(spec);
    if (!launched.ok) return launched;
    const outcome = await this.#untilReady(launched.value, given.promise);
    if (outcome.ok) ready(spec.name, Math.round(performance.now() - started));
    return outcome;
  }

  /** `given` resolves when there is no point in waiting any more. */
  async #untilReady(service: Running, given: Promise<Failure>): Promise<Outcome<void>> {
    const { spec, fate } = service;
    const info = await this.#home.images.info(spec.image.id);
    if (!info.ok) return info;
    const check = checkOf(spec.ready, info.value.Config);
    const { intervalMs, timeoutMs } = spec.ready ?? defaultReady;
    const over = new AbortController();
    const exited = fate.died.then((code) => this.#exited(service, code));
    const late = Promise.withResolvers<Failure>();
    const timer = setTimeout(() => late.resolve(this.#late(service, check, timeoutMs)), timeoutMs);
    const look = new ServiceLook(this.#home, service, (probe) => this.#containers.add(probe));
    const polled = poll(() => look.at(check), intervalMs, over.signal);
    const failure = await Promise.race([given, exited, late.promise, polled]);
    clearTimeout(timer);
    over.abort();
    void look.end();
    if (failure !== null) return { ok: false, failure };
    void exited.then((why) => {
      if (!this.#closing.aborted) this.#died.abort(why);
    });
    return ok(undefined);
  }

  async #exited({ spec, fate, log }: Running, code: number): Promise<Failure> {
    await Promise.race([log.ended, delay(1_000)]);
    const memory = fate.memoryKills > 0 ? ', out of memory' : '';
    return this.#failed(`the service ${spec.name} exited with ${code}${memory}`, log);
  }

  #late({ spec, log }: Running, check: Check, timeoutMs: number): Failure {
    const what =
      check.kind === 'script' ? check.what : check.kind === 'health' ? 'its HEALTHCHECK' : 'its container';
    return this.#failed(`the service ${spec.name} was not ready within ${timeoutMs / 1000} s: ${what}`, log);
  }

  #failed(message: string, log: ServiceLog): Failure {
    const lines = log.lastLines();
    return fail('pipeline', 'service-failed', message, { cause: lines === '' ? 'it wrote no log' : lines })
      .failure;
  }
}

/** Null when the service is ready; else what makes asking further useless. */
async function poll(
  look: () => Promise<'ready' | 'not-yet' | Failure>,
  intervalMs: number,
  over: AbortSignal,
): Promise<Failure | null> {
  while (!over.aborted) {
    const seen = await look();
    if (seen === 'ready') return null;
    if (seen !== 'not-yet') return seen;
    await delay(intervalMs, undefined, { signal: over }).catch(() => undefined);
  }
  return null;
}

function whenAborted(signal: AbortSignal, until: AbortSignal, does: () => void): void {
  if (signal.aborted) does();
  else signal.addEventListener('abort', does, { signal: until });
}
