// What is known of a plan before anything runs: JSON-safe, shown by `lockstep plan`.
import type { EventFacts } from './ci-context.ts';
import type { JobForesight } from './foresight.ts';
import type { ParamValue, Platform, Template } from './plan.ts';

export interface PlanPreview {
  readonly pipeline: string | null;
  readonly platform: Platform;
  readonly params: Readonly<Record<string, ParamValue>>;
  /** The CI platform that it is planned for; absent on the user's own machine. */
  readonly on?: PlatformPreview;
  /** In the order of the plan. */
  readonly jobs: readonly JobPreview[];
  /** One for each job, or for each instance of it that can be run alone; in the order of the plan. Absent where nobody asked. */
  readonly machines?: readonly MachinePreview[];
  /** Of each secret that a job of the plan uses; absent where nothing was looked for. */
  readonly secrets?: Readonly<Record<string, SecretPreview>>;
  /** What would be reused as things stand now, per instance; absent where the source or the records cannot be read. */
  readonly foreseen?: readonly JobForesight[];
}

/** What a machine runs when each job gets one of its own, once those that it needs have. */
export interface MachinePreview {
  readonly name: string;
  /** For `run`, before `--no-needs --from FOLDER…`. */
  readonly words: readonly string[];
  /** Names of other machines. */
  readonly needs: readonly string[];
}

/** What a run would be told by the platform and get from it. Words for people. */
export interface PlatformPreview {
  /** E.g. `GitHub Actions`. */
  readonly name: string;
  readonly dryRun: boolean;
  readonly event: EventFacts;
  readonly ref: string;
  /** Scopes of trust whose records, snapshots and cache directories on this machine are used, the own first. */
  readonly reads: readonly string[];
  /** Null: nothing is kept, since a change from outside may run. */
  readonly writes: string | null;
  /** Null: it has one; else why not. */
  readonly noCache: string | null;
  /** A folder that the platform keeps beside it, or in its place. */
  readonly cacheFolder?: string;
  readonly noArtifacts: string | null;
  readonly noSecrets: string | null;
}

export interface SecretPreview {
  readonly required: boolean;
  readonly file: boolean;
  readonly guard: boolean;
  readonly value: SecretOrigin;
}

/** Words for people; `refused`: a source that should be asked cannot be. */
export type SecretOrigin =
  | { readonly is: 'found'; readonly from: string }
  | { readonly is: 'missing'; readonly lookedIn: readonly string[] }
  | { readonly is: 'refused'; readonly because: string }
  | { readonly is: 'withheld' };

export interface JobPreview {
  readonly name: string;
  readonly description?: string;
  readonly needs: readonly string[];
  readonly decision: Decision;
  /** Granted to the job, its steps or its services. */
  readonly secrets: readonly string[];
  readonly caches: readonly string[];
  /** Names; `finally` steps after the others. */
  readonly steps: readonly string[];
  readonly artifacts: readonly string[];
  readonly outputs: readonly string[];
  /** Null where only the run knows the matrix; none where the matrix is empty. */
  readonly instances: readonly InstancePreview[] | null;
}

/** Would the job run, if every job before it succeeds? `because` is for people. */
export type Decision =
  | { readonly kind: 'run' }
  | {
      readonly kind: 'skipped';
      readonly reason: 'needs' | 'condition' | 'secret-withheld';
      readonly because: string;
    }
  | { readonly kind: 'run-time'; readonly because: string };

export interface InstancePreview {
  readonly name: string;
  readonly image: PreviewText;
  readonly timeout: PreviewText;
  readonly env: Readonly<Record<string, PreviewText>>;
  /** Name → image. */
  readonly services: Readonly<Record<string, PreviewText>>;
}

/** A value of the file: its text, and what it comes to; null where only the run knows. */
export interface PreviewText {
  readonly template: Template;
  readonly value: string | null;
}
