// What a run would do with each job and step as things stand now, and why: JSON-safe, shown by `plan` and `explain`.
import type { JsonValue } from './json.ts';

/** An instance of a job; one under the bare name where there is nothing to expand, or only the run knows what. */
export interface JobForesight {
  /** Instance name, e.g. `test[node=22]`. */
  readonly job: string;
  /** `open`: only the run can tell. `skip` and `fail`: no step of it would start. */
  readonly fate: 'reuse' | 'run' | 'open' | 'skip' | 'fail';
  /** Null for `reuse`. */
  readonly because: Cause | null;
  /** Needed jobs that must run and end well for all this to be so. */
  readonly provided: readonly string[];
  /** In their order, `finally` steps after the others; none for `skip` and `fail`. */
  readonly steps: readonly StepForesight[];
}

export interface StepForesight {
  readonly name: string;
  readonly id: string | null;
  readonly phase: 'steps' | 'finally';
  /** `skip`: its `if` does not hold. */
  readonly fate: 'reuse' | 'run' | 'open' | 'skip';
  /** Null for `reuse` and `skip`. */
  readonly because: Cause | null;
}

/** `step` is the place of a step in the job's list, from 0; null stands for what comes after the steps. */
export type Cause =
  | {
      /** Compared with the run that is nearest to it, of `at` (milliseconds since the epoch). */
      readonly why: 'changed';
      readonly step: number | null;
      readonly at: number;
      readonly changes: readonly Change[];
    }
  /** `record-gone`: it was recorded once, or part of it; nothing that it is made from has changed. */
  | { readonly why: 'never-recorded' | 'record-gone' | 'no-value'; readonly step: number | null }
  /** `reuse: false`; null: of the job. */
  | { readonly why: 'reuse-off'; readonly step: number | null }
  /** It comes after a step that must run. */
  | { readonly why: 'follows'; readonly step: number }
  /** It is recorded, but that step must run (null: something after the steps), and no snapshot lies between. */
  | { readonly why: 'no-snapshot'; readonly step: number | null }
  /** It takes from these jobs, which must run first. */
  | { readonly why: 'needs'; readonly jobs: readonly string[] }
  /** The digest of its image, or of a service's, is not known here. */
  | { readonly why: 'image-unknown'; readonly message: string }
  /** Why it is skipped, or cannot start. */
  | { readonly why: 'condition' | 'needs-not-met' | 'secret-withheld' | 'failure'; readonly message: string };

export interface Change {
  /** What of it, from the outside in: `['image']`, `['file', 'src/a.ts']`, `['service', 'db', 'env', 'PGDATA']`. */
  readonly what: readonly string[];
  readonly change: 'added' | 'removed' | 'changed';
  /** Where it may be told: of env values, scripts and output values only digests are kept. */
  readonly before?: JsonValue;
  readonly now?: JsonValue;
  /** Of a file that comes from an artifact: `dist of build`. */
  readonly from?: string;
}

/** What `lockstep explain` was asked for: a job instance, or one step of it. */
export interface ExplainedJob extends JobForesight {
  /** Place in `steps`; null: all of them. */
  readonly asked: number | null;
}
