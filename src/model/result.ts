// The result of a run: the canonical document whose sha256 proves that two runs came out the same.
import { createHash } from 'node:crypto';
import { canonicalJson } from './json.ts';
import type { JobResult, RunResult, RunStatus } from './result-schema.ts';

export type {
  JobReason,
  JobResult,
  JobStatus,
  RunResult,
  RunStatus,
  StepResult,
  StepStatus,
} from './result-schema.ts';

/** The bytes of `result.json`: canonical JSON and one newline. */
export const resultText = (result: RunResult): string => `${canonicalJson(result)}\n`;

/** `sha256:<hex>` of the bytes of `result.json`. */
export const resultDigest = (result: RunResult): string =>
  `sha256:${createHash('sha256').update(resultText(result)).digest('hex')}`;

/** A failed job that was not allowed to fail fails the run; else a cancelled one cancels it. */
export function runStatus(jobs: Iterable<JobResult>): RunStatus {
  let status: RunStatus = 'success';
  for (const job of jobs) {
    if (job.status === 'failure' && !job['allowed-failure']) return 'failure';
    if (job.status === 'cancelled') status = 'cancelled';
  }
  return status;
}
