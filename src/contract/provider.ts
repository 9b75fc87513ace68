// A CI platform: facts, and what it offers a run. This comment and those below are the specification.
//
// Everything is found out from the environment, and nothing is asked of the network or the disk, so that `plan` can tell what a
// run would have. Whatever is absent says why, for people; it is no error.
import type { CiContext } from '../model/ci-context.ts';
import type { Outcome } from '../model/failure.ts';
import type { ArtifactSink } from './artifact-sink.ts';
import type { CacheStore } from './cache-store.ts';
import type { LogStyle } from './log-style.ts';
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
}

export interface Offers {
  /** As people call it, e.g. `GitHub Actions`, `act`. */
  readonly platform: string;
  readonly trust: Trust;
  /** From the first signal of a cancel to the end of the machine; null: nobody takes it away. */
  readonly cancelMs: number | null;
  readonly secrets: Offer<SecretSource>;
  readonly cache: Offer<CacheStore>;
  readonly artifacts: Offer<ArtifactSink>;
  readonly logs: () => LogStyle;
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
