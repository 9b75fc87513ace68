// One container with its network and services: the Docker implementation of the sandbox contract.
import { Readable } from 'node:stream';
import type {
  Owner,
  Sandbox,
  ServiceSpec,
  StepEnd,
  StepOutput,
  StepSpec,
  StopSignals,
} from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, ok } from '../../src/model/failure.ts';
import { GivenUp, streamBounded } from './bounded-stream.ts';
import { fixedEnvironment } from './container-spec.ts';
import { engineFailure, statusOf, textOf } from './errors.ts';
import { JobContainer, type OpenedContainer } from './job-container.ts';
import { type NetworkAccess, accessVariables } from './network-access.ts';
import { type ServiceHome, Services } from './services.ts';
import { outputPath, summaryPath } from './step-script.ts';
import { StepRunner } from './step-runner.ts';

const stallMs = 60_000;
const neverAborts = new AbortController().signal;

export class DockerSandbox implements Sandbox {
  readonly owner: Owner;
  readonly #container: JobContainer;
  readonly #runner: StepRunner;
  readonly #services: Services | null;
  readonly #access: NetworkAccess;
  readonly #removing: (removal: Promise<unknown>) => void;

  /** `home` is null without services; `removing` is told of what goes on after `close`. */
  constructor(
    opened: OpenedContainer,
    access: NetworkAccess,
    home: ServiceHome | null,
    removing: (removal: Promise<unknown>) => void,
  ) {
    this.owner = opened.owner;
    this.#container = new JobContainer(opened);
    this.#runner = new StepRunner(this.#container);
    this.#services = home && new Services(home, this.#container.closing);
    this.#access = access;
    this.#removing = removing;
  }

  /** Aborts when it is closed. */
  get closing(): AbortSignal {
    return this.#container.closing;
  }

  get serviceDied(): AbortSignal {
    return this.#services?.died ?? neverAborts;
  }

  async put(tar: AsyncIterable<Uint8Array>): Promise<Outcome<void>> {
    const { link, id } = this.#container.opened;
    if (this.#container.dead !== null) return { ok: false, failure: this.#container.dead };
    const sent = streamBounded(tar, stallMs, [link.lost, this.#container.closing]);
    try {
      const file = Readable.from(sent.chunks, { objectMode: false });
      await sent.orOver(link.docker.getContainer(id).putArchive(file, { path: '/', abortSignal: sent.over }));
      return ok(undefined);
    } catch (error) {
      if (sent.sourceError !== null) throw sent.sourceError.error;
      return { ok: false, failure: await this.#archiveFailure(error, 'write files into the container') };
    } finally {
      sent.end();
    }
  }

  async startServices(
    services: readonly ServiceSpec[],
    ready: (service: string, ms: number) => void,
    stop: AbortSignal,
  ): Promise<Outcome<void>> {
    const { dead } = this.#container;
    if (dead !== null) return { ok: false, failure: dead };
    if (this.#services !== null) return this.#services.start(services, ready, stop);
    if (services.length === 0) return ok(undefined);
    throw new Error('the sandbox was opened without services');
  }

  run(step: StepSpec, output: StepOutput, stop: StopSignals): Promise<StepEnd> {
    const env = {
      ...fixedEnvironment,
      LOCKSTEP_OUTPUT: outputPath,
      LOCKSTEP_SUMMARY: summaryPath,
      ...accessVariables(this.#access, this.#services?.names ?? [], step.env),
      ...step.env,
    };
    return this.#runner.run(step, env, output, stop);
  }

  async get(path: string): Promise<Outcome<Readable | null>> {
    const { link, id } = this.#container.opened;
    if (this.#container.dead !== null) return { ok: false, failure: this.#container.dead };
    const got = await link.attempt('read files from the container', stallMs, () =>
      link.docker.getContainer(id).getArchive({ path }),
    );
    if (!got.ok) {
      if ('failure' in got) return got;
      if (statusOf(got.error) === 404 && !noSuchContainer(got.error)) return ok(null);
      return { ok: false, failure: await this.#archiveFailure(got.error, `read ${path} from the container`) };
    }
    const stream = got.value;
    if (!(stream instanceof Readable)) throw new TypeError('an archive is an HTTP answer');
    const cut = (): unknown =>
      stream.destroy(new Error(link.lost.aborted ? 'lost the container engine' : 'closed'));
    const over = new AbortController();
    for (const signal of [link.lost, this.#container.closing])
      signal.addEventListener('abort', cut, { signal: over.signal });
    stream.once('close', () => over.abort());
    return ok(stream);
  }

  close(): Promise<void> {
    if (this.#container.closing.aborted) return Promise.resolve();
    this.#container.close();
    if (this.#services !== null) this.#removing(this.#services.remove(this.#container.opened.id));
    return Promise.resolve();
  }

  async #archiveFailure(error: unknown, doing: string): Promise<Failure> {
    const { dead } = this.#container;
    if (dead !== null) return dead;
    if (error instanceof GivenUp) return error.failure;
    const gone = statusOf(error) === undefined || noSuchContainer(error);
    return gone ? this.#container.whyDead('between-steps') : engineFailure(error, doing);
  }
}

const noSuchContainer = (error: unknown): boolean =>
  statusOf(error) === 404 && /no such container/i.test(textOf(error));
