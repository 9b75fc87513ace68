// Where a job runs: an engine makes sandboxes, a sandbox runs steps. This comment and those below are the specification.
//
// Order of calls: engine.image → engine.open → [put | startServices | run | snapshot | get]* → sandbox.close. Calls on one sandbox
// never overlap but for `close`, which may come at any time, ends whatever is under way, and may be called twice.
// Sandboxes of one engine are used side by side. Nothing rejects but for bugs: the world's faults come as Outcomes.
// A sandbox, its network and its services are gone when this process dies in any way (at the latest after the next
// run's sweep). When `close` resolved nothing of the job runs in it any more, and its removal is under way or comes within
// seconds; `engine.close` waits for it.
import type { Readable } from 'node:stream';
import type { Failure, Outcome } from '../model/failure.ts';
import type { LogStream } from '../model/event.ts';
import type { Platform, Ready, Resources } from '../model/plan.ts';
import type { Redactor } from './redactor.ts';

export interface Engine {
  /** E.g. `Docker 20.10.24 (unix:///var/run/docker.sock)`. */
  readonly description: string;
  /** Aborts, with a Failure (`engine-lost`) as its reason, within 10 s of the engine not answering any more. */
  readonly lost: AbortSignal;
  /**
   * The image, pulled if it is not there or `pull` says to ask the registry; `never` only looks. Failures, kind `environment`:
   * `image-not-found`, `registry-unreachable`, `image-platform`, `engine-lost`.
   */
  image(
    reference: string,
    options: { platform: Platform; pull: boolean | 'never'; signal: AbortSignal },
  ): Promise<Outcome<Image>>;
  open(spec: SandboxSpec): Promise<Outcome<Sandbox>>;
  /** The digest under which the reference's registry serves it now; null when none does. Failure: `registry-unreachable`. */
  registryDigest(reference: string, signal: AbortSignal): Promise<Outcome<string | null>>;
  /**
   * Removes what dead runs left behind (containers, networks, volumes of theirs); the number of things removed. `ended`: ids of runs
   * that are over, of which that cannot be seen from here.
   */
  sweep(ended?: ReadonlySet<string>): Promise<number>;
  readonly snapshots: Snapshots;
  readonly caches: CacheVolumes;
  /** Resolves when what this process started is gone, or the engine was told so; bounded by 10 s. */
  close(): Promise<void>;
}

export interface Image {
  readonly reference: string;
  /** The engine's own id, `sha256:…`. */
  readonly id: string;
  /** For results: what the reference pins, else the `RepoDigests` entry of the reference, else the id. */
  readonly digest: string;
  /** Whether a registry serves it: false for one that was never pushed, whose digest is the id. */
  readonly published: boolean;
  /** It declares volumes, whose files no snapshot holds. */
  readonly hasVolumes: boolean;
}

/** Images that `Sandbox.snapshot` made, by their ids. They carry the store's id and their maker; a sweep leaves them alone. */
export interface Snapshots {
  has(id: string): Promise<Outcome<boolean>>;
  /** All of a store. */
  list(store: string): Promise<Outcome<readonly SnapshotInfo[]>>;
  /** False: it was not there, or a container uses it. */
  remove(id: string): Promise<Outcome<boolean>>;
  /** Its files, without starting anything of it. Failure: `snapshot-missing`. */
  read(id: string): Promise<Outcome<SnapshotFiles>>;
  /** A bundle of the layers that it has above its image (plain tar). The image itself does not travel. */
  export(id: string, image: Image): Promise<Outcome<AsyncIterable<Uint8Array>>>;
  /** Loads such a bundle where the same image is. The id. Failure `snapshot-unusable`: damaged, or the image is another. */
  import(bundle: AsyncIterable<Uint8Array>, image: Image, store: string): Promise<Outcome<Snapshot>>;
}

/** To be closed: until then the snapshot cannot be removed. A sweep takes it when this process dies. */
export interface SnapshotFiles {
  /** As `Sandbox.get`. */
  get(path: string): Promise<Outcome<Readable | null>>;
  close(): Promise<void>;
}

export interface Snapshot {
  readonly id: string;
  /** Of its layers above the image. */
  readonly bytes: number;
}

export interface SnapshotInfo extends Snapshot {
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** The process that made or imported it; `foreign`: it cannot be looked at from here, e.g. of another boot, or is not known. */
  readonly maker: 'alive' | 'dead' | 'foreign';
}

/** Directories that outlive sandboxes: volumes of the engine that carry the store's id. A sweep leaves them alone. */
export interface CacheVolumes {
  list(store: string): Promise<Outcome<readonly CacheVolumeInfo[]>>;
  /** `filling`: somebody is at it, or died over it. */
  has(volume: string): Promise<Outcome<'whole' | 'filling' | 'none'>>;
  /** False: it was not there, or a container uses it. */
  remove(volume: string): Promise<Outcome<boolean>>;
  /** What lies in it as a tar whose names begin with `./`; null when there is no such volume. `image` has a shell; nothing of it runs. */
  read(volume: string, image: Image): Promise<Outcome<AsyncIterable<Uint8Array> | null>>;
  /** Makes the volume and fills it with such a tar; what was being filled before goes first. */
  fill(cache: CacheMount, image: Image, tar: AsyncIterable<Uint8Array>): Promise<Outcome<void>>;
}

export interface CacheVolumeInfo {
  readonly volume: string;
  /** Name of the cache in the pipeline file. */
  readonly cache: string;
  readonly created: number;
  /** -1 where the engine does not tell. */
  readonly bytes: number;
}

export interface SandboxSpec {
  /** Job instance name, for labels and messages. */
  readonly job: string;
  readonly runId: string;
  readonly image: Image;
  readonly platform: Platform;
  /** Null: the image's user. */
  readonly user: string | null;
  /** Absolute; made if missing, belongs to the user. */
  readonly workdir: string;
  readonly network: boolean;
  readonly privileged: boolean;
  readonly resources: Resources;
  /** Services come later, by `startServices`: the sandbox needs a network of its own for them. */
  readonly hasServices: boolean;
  /** Starts from this snapshot of an earlier sandbox on the same image. Failure of `open` when it is gone: `snapshot-missing`. */
  readonly snapshot: string | null;
  /** Volumes are made where there are none; a new one belongs to the user. */
  readonly caches: readonly CacheMount[];
}

export interface CacheMount {
  /** Name of the cache in the pipeline file. */
  readonly cache: string;
  readonly volume: string;
  /** Id of the record store it belongs to. Null: it is this run's alone, and goes when its engine is closed, at the latest with a sweep. */
  readonly store: string | null;
  /** Volumes of scopes that are trusted more: a new one begins as a copy of the first that there is. */
  readonly from?: readonly string[];
  /** Absolute. */
  readonly path: string;
}

/** Who files put into the workspace belong to. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface Sandbox {
  readonly owner: Owner;
  /** Aborts, with a Failure (`service-failed`) as its reason, when a service ends after it was ready. */
  readonly serviceDied: AbortSignal;
  /** Unpacks a tar stream at `/`. What lies there is replaced. */
  put(tar: AsyncIterable<Uint8Array>): Promise<Outcome<void>>;
  /**
   * Starts all, waits until each is ready, or until `stop` aborts.
   * Failure: `service-failed` with its exit code and the last 50 lines of its log.
   */
  startServices(
    services: readonly ServiceSpec[],
    ready: (service: string, ms: number) => void,
    stop: AbortSignal,
  ): Promise<Outcome<void>>;
  /** Runs one step to its end. When it resolves, no process of the step is left. */
  run(step: StepSpec, output: StepOutput, stop: StopSignals): Promise<StepEnd>;
  /**
   * What the container holds now, as an image; mounts are not in it. Failures, kind `environment`: `snapshot-failed`
   * (nothing is left then; also when `stop` aborts, at once), `snapshot-layers` (it has as many layers as an engine can take), `sandbox-died`, `engine-lost`.
   */
  snapshot(store: string, stop: AbortSignal): Promise<Outcome<Snapshot>>;
  /**
   * The fewest absolute paths that hold all that was added or modified above the image or snapshot the sandbox started
   * from; a folder stands for all in it, unchanged files too. What was deleted or lies on a mount is not among them.
   */
  changes(): Promise<Outcome<readonly string[]>>;
  /** The path (absolute) and all below it as a tar stream, entry names as `docker cp` gives them; null when nothing is there. */
  get(path: string): Promise<Outcome<Readable | null>>;
  close(): Promise<void>;
}

export interface ServiceSpec {
  readonly name: string;
  readonly image: Image;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
  readonly ready: Ready | null;
  readonly resources: Resources;
  readonly user: string | null;
  readonly privileged: boolean;
  /** Granted secrets: env of its main process like `env`, but in no configuration that the engine shows. Needs `sh` in the image. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** What it writes passes one stream each for stdout and stderr before anything of it is told. */
  readonly redactor: Pick<Redactor, 'stream'>;
}

export interface StepSpec {
  readonly script: string;
  /** The interpreter's words; the script's path is added last. */
  readonly shell: readonly string[];
  /** All the step gets beyond the image's and the sandbox's fixed variables; any name without `=` or NUL, any value without NUL. */
  readonly env: Readonly<Record<string, string>>;
  readonly user: string | null;
  readonly workdir: string;
  /** True: an exec of its own, never through a shell shared with other steps. Always so where there are secrets. */
  readonly isolated: boolean;
  /**
   * Like `env`, and in nothing that the engine shows of the exec or the container. Text: a value that is not UTF-8 can
   * only be a file. A name that no shell can export is refused (`step-not-startable`).
   */
  readonly secretEnv: Readonly<Record<string, string>>;
  /**
   * `/run/secrets/NAME`, for this step alone: mode 0400, its user's, on a tmpfs, with `NAME_FILE` set to the path; gone
   * when it ends. Any bytes, at most 1 MiB each.
   */
  readonly secretFiles: Readonly<Record<string, Uint8Array>>;
}

/** Gets the step's bytes as they come; a promise makes the step wait. Stdout and stderr are kept apart. */
export type StepOutput = (stream: LogStream, chunk: Uint8Array) => void | Promise<void>;

export interface StopSignals {
  /** SIGTERM to all processes of the step, SIGKILL after `graceMs`. */
  readonly stop: AbortSignal;
  readonly graceMs: number;
  /** SIGKILL at once. */
  readonly kill: AbortSignal;
}

export interface StepEnd {
  /** Absent when the step was stopped or its end was never seen. */
  readonly exitCode?: number;
  /** What the step left in `$LOCKSTEP_OUTPUT` and `$LOCKSTEP_SUMMARY`; at most 1 MiB each, see `output-too-large`. */
  readonly outputs: Uint8Array;
  readonly summary: Uint8Array;
  readonly stopped: boolean;
  /** Processes that the step had left running and that were killed. */
  readonly leftOvers: number;
  /** The memory limit was hit while the step ran. */
  readonly outOfMemory: boolean;
  /**
   * What no snapshot holds is not as it was at the sandbox's start: what is in `/etc/hosts`, `/etc/hostname` or
   * `/etc/resolv.conf`, which names there are in `/dev`, `/dev/mqueue` and (but for the step's own files) the folder of
   * `$LOCKSTEP_OUTPUT`, or which System V memory, semaphores and queues. `/dev/shm` is emptied after every step instead.
   */
  readonly hostFilesChanged: boolean;
  /**
   * Why there is no exit code to trust: `engine-lost`, `sandbox-died` (kind `environment` or, when the step itself ended
   * its container, `pipeline`), `output-too-large`, `step-not-startable` (no such user, workdir, or no `sh` in the image).
   */
  readonly failure?: Failure;
}
