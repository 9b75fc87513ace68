// The result of a run: the canonical document whose sha256 proves that two runs came out the same.
import { createHash } from 'node:crypto';
import { canonicalJson } from './json.ts';
import type { ParamValue, Platform } from './plan.ts';

export type JobStatus = 'success' | 'failure' | 'cancelled' | 'skipped';
export type StepStatus = JobStatus | 'timeout';
export type RunStatus = 'success' | 'failure' | 'cancelled';

/** Why a job is not a success. `needs` is tested before `condition`. */
export type JobReason =
  | 'step-failed'
  | 'timeout'
  | 'cancelled'
  | 'needs'
  | 'condition'
  | 'configuration'
  | 'service-failed'
  | 'secret-in-artifact'
  | 'secret-withheld'
  | 'artifact-missing'
  | 'environment';

export interface StepResult {
  readonly name: string;
  readonly status: StepStatus;
  /** Absent for a step that never started or that we stopped. */
  readonly 'exit-code'?: number;
}

export interface JobResult {
  readonly status: JobStatus;
  readonly 'allowed-failure': boolean;
  readonly reason?: JobReason;
  /** Image digest, `sha256:…`; absent when the job never got that far. */
  readonly image?: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** Name → digest of the artifact's tree, `sha256:…`. */
  readonly artifacts: Readonly<Record<string, string>>;
  /** `steps` in order, then `finally`. */
  readonly steps: readonly StepResult[];
}

export interface RunResult {
  readonly schema: 1;
  readonly pipeline: string | null;
  readonly platform: Platform;
  readonly params: Readonly<Record<string, ParamValue>>;
  /** Digest of the source tree, `sha256:…`. */
  readonly source: string;
  readonly status: RunStatus;
  /** By instance name, e.g. `test[node=22]`. */
  readonly jobs: Readonly<Record<string, JobResult>>;
}

/** The bytes of `result.json`: canonical JSON and one newline. */
export const resultText = (result: RunResult): string => `${canonicalJson(result)}\n`;

/** `sha256:<hex>` of the bytes of `result.json`. */
export const resultDigest = (result: RunResult): string =>
  `sha256:${createHash('sha256').update(resultText(result)).digest('hex')}`;

/** A failed job that was not allowed to fail fails the run; else a cancelled one cancels it. */
export function runStatus(jobs: Iterable<JobResult>, cancelled: boolean): RunStatus {
  let status: RunStatus = cancelled ? 'cancelled' : 'success';
  for (const job of jobs) {
    if (job.status === 'failure' && !job['allowed-failure']) return 'failure';
    if (job.status === 'cancelled') status = 'cancelled';
  }
  return status;
}
