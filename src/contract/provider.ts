// A CI platform: facts, and what it offers a run. This comment and those below are the specification.
//
// Everything is found out from the environment, and nothing is asked of the network or the disk, so that `plan` can tell what a
// run would have. Whatever is absent says why, for people; it is no error.
import type { CiContext } from '../model/ci-context.ts';
import type { ReportKind } from '../model/event.ts';
import type { Failure, Outcome } from '../model/failure.ts';
import type { RunResult } from '../model/result.ts';
import type { Credential } from '../model/url-credentials.ts';
import type { ArtifactSink } from './artifact-sink.ts';
import type { CacheStore } from './cache-store.ts';
import type { Annotation, LogStyle } from './log-style.ts';
import type { SecretSource } from './secret-source.ts';

/** The environment of the process, as a value. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the command line says about the event where no platform does. */
export interface EventOverrides {
  readonly branch?: string;
  readonly tag?: string;
  readonly pullRequest?: { readonly number: number; readonly fork: boolean };
}

export interface ContextRequest {
  readonly environment: Environment;
  /** Runs git in the source root; its output, or null where git says no or there is no repository. */
  readonly git: (args: readonly string[]) => Promise<string | null>;
  readonly overrides: EventOverrides;
  readonly runId: string;
  /** Names of facts that the pipeline reads, e.g. `git.dirty`: costly ones nobody reads are not looked up. */
  readonly wanted: ReadonlySet<string>;
}

/** A dry run: what a machine of the platform would be told. */
export interface PretendRequest extends Pick<ContextRequest, 'git' | 'overrides'> {
  /** `--event`: a path, absolute, maybe with the platform's name for the event before it; null: none. */
  readonly event: { readonly file: string; readonly name: string | null } | null;
}

export interface Provider {
  /** `local`, `github`, later `gitlab`, `jenkins`: goes into `run.json`, never into the result. */
  readonly name: string;
  /** Pure: does this environment belong to the platform? */
  detect(environment: Environment): boolean;
  /** Failure (`usage`): `event-unreadable` for an event that the platform does not describe as it should. */
  context(request: ContextRequest): Promise<Outcome<CiContext>>;
  /** Absent: this is nobody's platform but the user's own machine. */
  readonly offers?: (environment: Environment, context: CiContext) => Offers;
  /**
   * The environment of a machine of the platform's that this event started, without the platform's services. Without an event
   * and without overrides: a push of what is checked out. Failure (`usage`): `event-unreadable`. Absent: no dry runs.
   */
  readonly pretend?: (request: PretendRequest) => Promise<Outcome<Environment>>;
  /**
   * Leaves what the platform takes from the checkout once a run has ended, or runs were united. What could not be left, kind
   * `environment`: told, and it makes a command that would exit 0 exit 3. Absent: the platform takes nothing from there.
   */
  readonly leave?: (environment: Environment, run: EndedRunFacts) => Promise<readonly Failure[]>;
}

export interface EndedRunFacts {
  /** The source root, absolute. */
  readonly root: string;
  /** The run's folder, absolute and whole: `result.json`, `summary.md`, `logs`, `artifacts`, `reports`. */
  readonly folder: string;
  readonly result: RunResult;
  readonly digest: string;
  /** What went wrong, and where people can see it in their sources. */
  readonly problems: readonly Annotation[];
  /** Files that tell of tests and coverage, in the folder; absolute. */
  readonly reports: readonly { readonly job: string; readonly kind: ReportKind; readonly file: string }[];
}

export interface Offers {
  /** As people call it, e.g. `GitHub Actions`, `act`. */
  readonly platform: string;
  readonly trust: Trust;
  /** From the first signal of a cancel to the end of the machine; null: nobody takes it away. */
  readonly cancelMs: number | null;
  readonly secrets: Offer<SecretSource>;
  readonly cache: Offer<CacheStore>;
  /**
   * A folder that the platform keeps from one machine to the next, absolute or relative to the source root. With a `cache` beside it,
   * that has the records and this the cache directories, and new records where that `takesNothing`. Absent: there is none, and
   * nobody misses it.
   */
  readonly cacheFolder?: string;
  readonly artifacts: Offer<ArtifactSink>;
  readonly logs: () => LogStyle;
  /** Bytes of a log after which the platform shows nothing more; null: it shows all. */
  readonly logBytes: number | null;
  /** Where the platform puts container engines, asked after the usual places; absent: it puts none anywhere else. */
  readonly engines?: PlatformEngines;
  /** Values of the environment that are secrets though nobody declared them, and that the platform does not hide by itself. */
  readonly credentials: readonly Credential[];
}

export interface PlatformEngines {
  /** In the order they are tried. */
  readonly places: readonly EnginePlace[];
  /** They start beside this machine: how long they are waited for. */
  readonly waitMs: number;
  /** Once none answered: what people can do about it. Looks at this machine alone. */
  readonly hint: () => string;
}

export interface EnginePlace {
  /** For people, e.g. `the service docker`. */
  readonly source: string;
  /** As DOCKER_HOST has it. */
  readonly address: string;
  /** Folder with `ca.pem`, `cert.pem` and `key.pem`; null: without TLS. */
  readonly certificates: string | null;
}

/** `open` loads what it needs of the platform's SDK; whoever calls it again gets the same. */
export type Offer<T> =
  | { readonly is: 'there'; readonly open: () => Promise<T> }
  /** `because`: a clause for people, e.g. `this server has no cache service`. */
  | { readonly is: 'absent'; readonly because: string };

/** Whose work may be trusted by whom, where a machine or a service keeps things from one run to the next. */
export interface Trust {
  /** What this run writes is for runs of the same scope: a branch, a pull request. Any text; `''` where all are one. */
  readonly scope: string;
  /** Scopes that are trusted more, so that this run reads them too, and never writes there; the nearest first. */
  readonly reads: readonly string[];
  /** False: someone from outside wrote what runs here. It leaves no record, cache or snapshot behind. */
  readonly writes: boolean;
}
