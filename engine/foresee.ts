// A plan, a source tree and a record store → what a run would do now, job by job, as far as that can be told.
import type { Cause, JobForesight } from '../src/model/foresight.ts';
import { instanceName } from '../src/model/instance-name.ts';
import type { PlannedJob } from '../src/model/plan.ts';
import type { JobReason, JobResult } from '../src/model/result.ts';
import { decide, type Decision } from './execute-plan.ts';
import type { FinishedInstance, FinishedJob } from './finished-job.ts';
import { allSteps, foreseeInstance, type Foreseeing } from './foresee-job.ts';
import type { JobInstance } from './resolve-job.ts';
import { withoutSteps } from './job-attempt.ts';
import { jobEnd, lineageBefore, withheldBy, type Lineage } from './standing.ts';

/** Follows the order of decisions of `executePlan`. Starts nothing, emits nothing, writes nothing. */
export async function foreseePlan(on: Foreseeing): Promise<readonly JobForesight[]> {
  const jobs = new Map<string, ForeseenJob>();
  for (const job of on.plan.jobs) jobs.set(job.name, await foreseeJob(on, job, jobs));
  return [...jobs.values()].flatMap(({ foresights }) => foresights);
}

interface ForeseenJob {
  readonly foresights: readonly JobForesight[];
  /** Null: only the run knows what it gives. */
  readonly known: FinishedJob | null;
  /** What others go by: where nothing is known, a success. */
  readonly assumed: FinishedJob;
}

async function foreseeJob(
  on: Foreseeing,
  job: PlannedJob,
  before: ReadonlyMap<string, ForeseenJob>,
): Promise<ForeseenJob> {
  const needed = job.needs.map((need) => ({ name: need.job, foreseen: before.get(need.job) }));
  const finished = new Map(needed.map(({ name, foreseen }) => [name, foreseen?.assumed ?? success(name)]));
  const open = needed.filter(({ foreseen }) => (foreseen?.known ?? null) === null).map(({ name }) => name);
  const further = needed.flatMap(({ foreseen }) => foreseen?.foresights.flatMap((one) => one.provided) ?? []);
  const provided = [...new Set([...further, ...open])];
  const lineage = lineageBefore([...finished.values()].map(({ end }) => end));
  const end = (instances: Foreseen[]): ForeseenJob => foreseenJob(job, instances, lineage, provided);

  const withheld = withheldBy(job, (need) => finished.get(need)?.end) !== null;
  const blockers = job.condition?.callsStatus ? open : open.filter((name) => job.takesFrom.includes(name));
  if (!withheld && blockers.length > 0) {
    const because: Cause = { why: 'needs', jobs: blockers };
    const steps = allSteps(job, 'open', because);
    return foreseenJob(
      job,
      [{ foresight: { job: job.name, fate: 'open', because, steps }, gives: null }],
      lineage,
      [],
    );
  }
  const standing = { ...lineage, cancelled: false };
  const decision = decide({ ...on, cancel: new AbortController().signal }, job, standing, finished);
  if (!decision.run) return end([notRun(job, decision)]);
  const { combinations } = decision;
  const needs = on.plan.jobs.flatMap((other) => other.needs).filter((need) => need.job === job.name);
  const taken = new Set(needs.flatMap(({ artifacts }) => artifacts));
  const instances: Foreseen[] = [];
  for (const matrix of combinations) {
    const instance: JobInstance = { id: instanceName(job.name, matrix), job, matrix };
    instances.push(await foreseeInstance(on, instance, { finished, standing, taken }));
  }
  return end(instances);
}

type Foreseen = Awaited<ReturnType<typeof foreseeInstance>>;

function foreseenJob(
  job: PlannedJob,
  instances: readonly Foreseen[],
  before: Lineage,
  provided: readonly string[],
): ForeseenJob {
  const foresights = instances.map(({ foresight }) => ({ ...foresight, provided }));
  const given = instances.flatMap(({ gives }) => gives ?? []);
  const finishedAs = (ends: readonly FinishedInstance[]): FinishedJob => ({
    end: jobEnd(
      ends.map(({ result }) => result),
      before,
    ),
    instances: ends,
  });
  if (given.length < instances.length)
    return { foresights, known: null, assumed: finishedAs(success(job.name).instances) };
  const known = finishedAs(given);
  return { foresights, known, assumed: known };
}

function success(job: string): FinishedJob {
  const result: JobResult = {
    ...{ status: 'success', 'allowed-failure': false, outputs: {}, artifacts: {}, steps: [] },
  };
  return {
    end: { status: 'success', lineage: { success: true, failure: false } },
    instances: [{ id: job, result, artifacts: [] }],
  };
}

const skipWords: Partial<Record<JobReason, 'needs-not-met' | 'secret-withheld'>> = {
  needs: 'needs-not-met',
  'secret-withheld': 'secret-withheld',
};

function notRun(job: PlannedJob, { status, reason, failure }: Extract<Decision, { run: false }>): Foreseen {
  const instance: JobInstance = { id: job.name, job, matrix: {} };
  const { result } = withoutSteps(instance, status, reason, failure);
  const fate = status === 'failure' ? 'fail' : 'skip';
  const why = fate === 'fail' ? 'failure' : (skipWords[reason] ?? 'condition');
  const condition = job.condition === null ? 'its matrix is empty' : `if: ${job.condition.expression}`;
  const because: Cause = { why, message: failure?.message ?? condition };
  return {
    foresight: { job: job.name, fate, because, steps: [] },
    gives: { id: job.name, result, artifacts: [] },
  };
}
