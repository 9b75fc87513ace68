// Run folders of jobs that ran elsewhere → what a job with `--no-needs` starts from.
import { ok, type Outcome } from '../src/model/failure.ts';
import type { Plan } from '../src/model/plan.ts';
import type { FinishedJob } from './finished-job.ts';
import { jobEnd, lineageBefore, type JobEnd } from './standing.ts';
import { findMissing, uniteRuns, type UnitedRuns } from './united-runs.ts';

/** The needs of the plan's jobs that the plan does not run itself. Failures: those of `uniteRuns`, and `missing-job`. */
export async function readHandedOn(
  plan: Plan,
  source: string,
  folders: readonly string[],
): Promise<Outcome<ReadonlyMap<string, FinishedJob>>> {
  const united = await uniteRuns(folders, { ...plan, source });
  if (!united.ok) return united;
  const own = new Set(plan.jobs.map((job) => job.name));
  const needs = plan.jobs.flatMap((job) => job.needs.map((need) => need.job));
  const missing = findMissing(
    united.value,
    needs.filter((need) => !own.has(need)),
  );
  if (missing) return { ok: false, failure: missing };
  return ok(new Map([...united.value.jobs.keys()].map((job) => [job, finishedJob(united.value, job)])));
}

/** What was before a job is known from the folders that ran it: a matrix may have run in several. */
function finishedJob({ runs, jobs }: UnitedRuns, job: string): FinishedJob {
  const instances = jobs.get(job) ?? [];
  const { status } = jobEnd(
    instances.map(({ result }) => result),
    lineageBefore([]),
  );
  const parts = runs.flatMap(({ inputs }): JobEnd[] => {
    const lineage = inputs.lineage[job];
    return lineage ? [{ status, lineage }] : [];
  });
  return { end: { status, lineage: lineageBefore(parts) }, instances };
}
