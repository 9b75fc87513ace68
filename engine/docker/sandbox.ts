// One container with its network and services: the Docker implementation of the sandbox contract.
import type { Readable } from 'node:stream';
import type {
  Owner,
  Sandbox,
  ServiceSpec,
  Snapshot,
  StepEnd,
  StepOutput,
  StepSpec,
  StopSignals,
} from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, ok } from '../../src/model/failure.ts';
import { receive, sendTar } from './archive-stream.ts';
import { type Change, changedRoots } from './changes.ts';
import { commit } from './commit.ts';
import { fixedEnvironment } from './container-spec.ts';
import type { Endings, SharedNetwork } from './endings.ts';
import { engineFailure, isMissingContainer, statusOf } from './errors.ts';
import type { Images } from './images.ts';
import { JobContainer, type OpenedContainer } from './job-container.ts';
import { type NetworkAccess, accessVariables } from './network-access.ts';
import { type ServiceHome, Services } from './services.ts';
import { onlyFolder, unpackRequest } from './small-tar.ts';
import { noteHostFilesRequest, outputPath, summaryPath } from './step-script.ts';
import { StepRunner } from './step-runner.ts';
import { secretVariables } from './step-secrets.ts';

const stallMs = 60_000;
const neverAborts = new AbortController().signal;

export interface Surroundings {
  readonly images: Images;
  readonly access: NetworkAccess;
  /** This process, as the owner of what it makes. */
  readonly maker: string;
  /** Null without services. */
  readonly home: ServiceHome | null;
  /** Told of what goes on after the call that began it. */
  readonly removing: (removal: Promise<unknown>) => void;
  readonly endings: Endings;
  /** What others may have after it, or what it has of others. */
  readonly network: SharedNetwork | null;
}

export class DockerSandbox implements Sandbox {
  readonly owner: Owner;
  readonly #container: JobContainer;
  readonly #runner: StepRunner;
  readonly #services: Services | null;
  readonly #around: Surroundings;
  readonly #openedAt = performance.now();
  /** Under way. */
  #steps = 0;

  constructor(opened: OpenedContainer, around: Surroundings) {
    this.owner = opened.owner;
    this.#container = new JobContainer(opened);
    this.#runner = new StepRunner(this.#container);
    this.#services = around.home && new Services(around.home, this.#container.closing);
    this.#around = around;
  }

  /** Of its container. */
  get id(): string {
    return this.#container.opened.id;
  }

  /** Aborts when it is closed. */
  get closing(): AbortSignal {
    return this.#container.closing;
  }

  get serviceDied(): AbortSignal {
    return this.#services?.died ?? neverAborts;
  }

  async put(tar: AsyncIterable<Uint8Array>): Promise<Outcome<void>> {
    const { link, id, spec } = this.#container.opened;
    if (this.#container.dead !== null) return { ok: false, failure: this.#container.dead };
    // Where processes are counted, ours might be one too many.
    const more = spec.resources.pids === undefined ? { small: this.#unpack } : {};
    const sent = await sendTar(link, { id, path: '/', ...more }, tar, [this.#container.closing]);
    if (sent.ok) return sent;
    return { ok: false, failure: await this.#archiveFailure(sent, 'write files into the container') };
  }

  async startServices(
    services: readonly ServiceSpec[],
    ready: (service: string, ms: number) => void,
    stop: AbortSignal,
  ): Promise<Outcome<void>> {
    const { dead } = this.#container;
    if (dead !== null) return { ok: false, failure: dead };
    if (services.length === 0) return ok(undefined);
    if (this.#services === null) throw new Error('the sandbox was opened without services');
    const started = await this.#services.start(services, ready, stop);
    if (started.ok) await this.#container.opened.control.ask(noteHostFilesRequest);
    return started;
  }

  async run(step: StepSpec, output: StepOutput, stop: StopSignals): Promise<StepEnd> {
    const own = { ...step.env, ...secretVariables(step) };
    const env = {
      ...fixedEnvironment,
      LOCKSTEP_OUTPUT: outputPath,
      LOCKSTEP_SUMMARY: summaryPath,
      ...accessVariables(this.#around.access, this.#services?.names ?? [], own),
      ...own,
    };
    this.#steps++;
    try {
      return await this.#runner.run(step, env, output, stop);
    } finally {
      this.#steps--;
    }
  }

  snapshot(store: string, stop: AbortSignal): Promise<Outcome<Snapshot>> {
    return commit(this.#container, this.#around, store, stop);
  }

  async changes(): Promise<Outcome<readonly string[]>> {
    const { link, id } = this.#container.opened;
    if (this.#container.dead !== null) return { ok: false, failure: this.#container.dead };
    const doing = 'list what changed in the container';
    const listed = await link.attempt(doing, stallMs, () => link.docker.getContainer(id).changes());
    // Null where nothing did.
    if (listed.ok) return ok(changedRoots((listed.value as readonly Change[] | null) ?? []));
    return { ok: false, failure: await this.#archiveFailure(listed, doing) };
  }

  async get(path: string): Promise<Outcome<Readable | null>> {
    const { link, id } = this.#container.opened;
    if (this.#container.dead !== null) return { ok: false, failure: this.#container.dead };
    const doing = `read ${path} from the container`;
    const got = await receive(link, doing, stallMs, () => link.docker.getContainer(id).getArchive({ path }), [
      this.#container.closing,
    ]);
    if (got.ok) return got;
    if ('error' in got && statusOf(got.error) === 404 && !isMissingContainer(got.error)) return ok(null);
    return { ok: false, failure: await this.#archiveFailure(got, doing) };
  }

  close(): Promise<void> {
    if (this.#container.closing.aborted) return Promise.resolve();
    const { id } = this;
    const { endings, network } = this.#around;
    const isIdle = this.#steps === 0 && this.#services === null && this.#container.dead === null;
    const tookMs = performance.now() - this.#openedAt;
    endings.add({ id, network, isIdle, tookMs, close: this.#container.close() });
    if (this.#services !== null) this.#around.removing(this.#services.remove(this.#container.opened.id));
    return Promise.resolve();
  }

  readonly #unpack = async (tar: Buffer): Promise<boolean> => {
    const folder = onlyFolder(tar);
    if (folder === null) return false;
    const answer = await this.#container.opened.control.ask(() => unpackRequest(tar, folder));
    return answer?.has('unpacked') === true;
  };

  async #archiveFailure(failed: { failure: Failure } | { error: unknown }, doing: string): Promise<Failure> {
    const { dead } = this.#container;
    if (dead !== null) return dead;
    if ('failure' in failed) return failed.failure;
    const { error } = failed;
    const gone = statusOf(error) === undefined || isMissingContainer(error);
    return gone ? this.#container.whyDead('between-steps') : engineFailure(error, doing);
  }
}
