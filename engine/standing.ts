// How the jobs before a job ended → whether it runs, and what its status functions say.
import { fail, type Failure } from '../src/model/failure.ts';
import type { PlannedJob } from '../src/model/plan.ts';
import type { JobResult, JobStatus } from '../src/model/result.ts';

/** What `success()` and `failure()` say of a job and all before it, near or far. */
export interface Lineage {
  readonly success: boolean;
  readonly failure: boolean;
}

/** How a whole job, all its instances, ended. */
export interface JobEnd {
  /** The one word that `needs.JOB.status` gives. */
  readonly status: JobStatus;
  readonly lineage: Lineage;
}

/** An allowed failure counts as a success for whoever comes after. */
function statusOf(instances: readonly JobResult[]): JobStatus {
  const words = instances.map((result) =>
    result.status === 'failure' && result['allowed-failure'] ? 'success' : result.status,
  );
  return (['failure', 'cancelled', 'success'] as const).find((word) => words.includes(word)) ?? 'skipped';
}

/** A job that its own `if` skipped (or whose matrix came out empty) does not stand in the way of `success()`. */
export function jobEnd(instances: readonly JobResult[], before: Lineage): JobEnd {
  const status = statusOf(instances);
  const skippedItself = status === 'skipped' && instances.every((result) => result.reason === 'condition');
  return {
    status,
    lineage: {
      success: before.success && (status === 'success' || skippedItself),
      failure: before.failure || status === 'failure',
    },
  };
}

export function lineageBefore(needs: readonly JobEnd[]): Lineage {
  return {
    success: needs.every((end) => end.lineage.success),
    failure: needs.some((end) => end.lineage.failure),
  };
}

/** The need that keeps the job from running whatever its `if` says, or null; asked before the `if` is. */
export function withheldBy(
  job: Pick<PlannedJob, 'condition' | 'needs' | 'takesFrom'>,
  endOf: (job: string) => JobEnd | undefined,
): Failure | null {
  if (job.condition?.callsStatus) return null;
  const takenFrom = job.takesFrom.find((need) => endOf(need)?.status === 'skipped');
  if (takenFrom !== undefined) return notMet(`it takes from '${takenFrom}', which was skipped`);
  const bad = job.needs.find((need) => endOf(need.job)?.lineage.success === false)?.job;
  if (bad === undefined) return null;
  const status = endOf(bad)?.status;
  const itself = status === 'failure' ? 'failed' : status === 'cancelled' ? 'was cancelled' : null;
  return notMet(itself === null ? `a job before '${bad}' did not succeed` : `'${bad}' ${itself}`);
}

const notMet = (message: string): Failure => fail('pipeline', 'needs-not-met', message).failure;
