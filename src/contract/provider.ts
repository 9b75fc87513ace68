// A CI platform seen as facts. Capabilities (cache, artifacts, logs) join it with the first platform beside local.
import type { CiContext } from '../model/ci-context.ts';
import type { Outcome } from '../model/failure.ts';
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

export interface Provider {
  /** `local`, later `github`, `gitlab`, `jenkins`: goes into `run.json`, never into the result. */
  readonly name: string;
  /** Pure: does this environment belong to the platform? */
  detect(environment: Environment): boolean;
  context(request: ContextRequest): Promise<Outcome<CiContext>>;
  /** The platform's own secrets; absent where it has none to map. */
  readonly secrets?: (environment: Environment) => SecretSource;
}
