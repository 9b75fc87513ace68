// A plan → the result of every job: who runs when, who is skipped, what is tried again.
import { resolveEnv, jobContexts, type JobInstance } from './resolve-job.ts';
import { matrixOf, instanceName } from '../src/model/instance-name.ts';
import type { Standing } from '../src/contract/evaluator.ts';
import type { Reused } from '../src/model/event.ts';
import { fail, ok, type Failure, type Outcome } from '../src/model/failure.ts';
import type { MatrixValues, PlannedJob, RetryReason } from '../src/model/plan.ts';
import { runStatus, type JobReason, type JobResult, type RunResult } from '../src/model/result.ts';
import { pause } from './deadline.ts';
import { needsContext, type FinishedInstance, type FinishedJob } from './finished-job.ts';
import { walkGraph } from './graph-walker.ts';
import { withoutSteps, type JobAttempt } from './job-attempt.ts';
import { attemptJob } from './run-job.ts';
import type { StepFinish } from './run-step.ts';
import type { Run } from './run.ts';
import { jobEnd, lineageBefore, withheldBy, type Lineage } from './standing.ts';
import { createPool, type Pool } from './worker-pool.ts';

/** What `run.json` says of a job instance. */
export interface InstanceTimes {
  readonly attempts: number;
  readonly durationMs: number;
  readonly reused: Reused;
  readonly steps: readonly Pick<StepFinish, 'durationMs' | 'reused'>[];
}

export interface Execution {
  readonly result: RunResult;
  readonly times: Readonly<Record<string, InstanceTimes>>;
  /** Per job of the plan, for the folders that a job on another machine starts from. */
  readonly lineage: Readonly<Record<string, Lineage>>;
}

interface InstanceEnd extends FinishedInstance {
  readonly times: InstanceTimes;
}

/** `handedOn`: needed jobs that ran elsewhere, by name. Emits every event but the run's own. */
export async function executePlan(run: Run, handedOn: ReadonlyMap<string, FinishedJob>): Promise<Execution> {
  const finished = new Map(handedOn);
  const ends = new Map<string, InstanceEnd>();
  const jobs = new Map(run.plan.jobs.map((job) => [job.name, job]));
  const pool = createPool(run.parallel);

  await walkGraph(
    run.plan.jobs.map((job) => ({ name: job.name, needs: job.needs.map((need) => need.job) })),
    async (name) => {
      const job = jobs.get(name);
      if (!job) return;
      const before = lineageBefore(job.needs.flatMap((need) => finished.get(need.job)?.end ?? []));
      const instances = await executeJob(run, job, before, finished, pool);
      for (const instance of instances) ends.set(instance.id, instance);
      finished.set(name, {
        end: jobEnd(
          instances.map(({ result }) => result),
          before,
        ),
        instances,
      });
    },
  );

  const results = Object.fromEntries([...ends].map(([id, { result }]) => [id, result]));
  return {
    result: {
      schema: 1,
      pipeline: run.plan.pipeline,
      platform: run.plan.platform,
      params: run.plan.params,
      source: run.source.digest,
      status: runStatus(Object.values(results)),
      jobs: results,
    },
    times: Object.fromEntries([...ends].map(([id, { times }]) => [id, times])),
    lineage: Object.fromEntries(
      [...jobs.keys()].flatMap((name) => {
        const end = finished.get(name)?.end;
        return end ? [[name, end.lineage]] : [];
      }),
    ),
  };
}

/** All instances of a job, in their order; one under the bare name where there is nothing to expand. */
async function executeJob(
  run: Run,
  job: PlannedJob,
  before: Lineage,
  finished: ReadonlyMap<string, FinishedJob>,
  pool: Pool,
): Promise<readonly InstanceEnd[]> {
  const standing: Standing = { ...before, cancelled: run.cancel.aborted };
  const bare: JobInstance = { id: job.name, job, matrix: {} };
  const decision = decide(run, job, standing, finished);
  if (!decision.run) {
    return [await endWithoutRunning(run, bare, decision.status, decision.reason, decision.failure)];
  }
  const { combinations } = decision;
  const siblings = new AbortController();
  const cancel = AbortSignal.any([run.cancel, siblings.signal]);
  const matrixPool = createPool(job.maxParallel);
  return Promise.all(
    combinations.map((matrix) =>
      matrixPool(async () => {
        const instance: JobInstance = { id: instanceName(job.name, matrix), job, matrix };
        const end = await executeInstance(run, instance, { finished, standing, cancel }, pool);
        if (job.failFast && end.result.status === 'failure' && !end.result['allowed-failure'])
          siblings.abort();
        return end;
      }),
    ),
  );
}

export type Decision =
  | { readonly run: true; readonly combinations: readonly MatrixValues[] }
  | {
      readonly run: false;
      readonly status: 'skipped' | 'cancelled' | 'failure';
      readonly reason: JobReason;
      readonly failure?: Failure;
    };

/**
 * In this order: cancelled, `needs`, the `if`, the matrix, withheld secrets. These come last: a job that would not run with
 * them either is skipped for that reason, and then stands in nobody's way.
 */
export function decide(
  run: Pick<Run, 'plan' | 'evaluator' | 'cancel' | 'withheld'>,
  job: PlannedJob,
  standing: Standing,
  finished: ReadonlyMap<string, FinishedJob>,
): Decision {
  if (run.cancel.aborted) return { run: false, status: 'cancelled', reason: 'cancelled' };
  const withheld = withheldBy(job, (need) => finished.get(need)?.end);
  if (withheld) return { run: false, status: 'skipped', reason: 'needs', failure: withheld };
  const expanded = expand(run, job, standing, finished);
  if (!expanded.ok)
    return { run: false, status: 'failure', reason: 'configuration', failure: expanded.failure };
  if (expanded.value === null || expanded.value.length === 0)
    return { run: false, status: 'skipped', reason: 'condition' };
  const secrets = run.withheld.get(job.name);
  return secrets === undefined
    ? { run: true, combinations: expanded.value }
    : { run: false, status: 'skipped', reason: 'secret-withheld', failure: secretsWithheld(secrets) };
}

const secretsWithheld = (names: readonly string[]): Failure =>
  fail(
    'pipeline',
    'secret-withheld',
    `it needs ${names.join(', ')}, and a change request from a fork gets no secrets`,
    { hint: 'read the change, then add --allow fork-secrets' },
  ).failure;

/** Null when the `if` does not hold. */
function expand(
  run: Pick<Run, 'plan' | 'evaluator'>,
  job: PlannedJob,
  standing: Standing,
  finished: ReadonlyMap<string, FinishedJob>,
): Outcome<readonly MatrixValues[] | null> {
  const contexts = jobContexts(run.plan, {}, needsContext(job, finished));
  const env = resolveEnv(run.plan.env, { contexts: { ...contexts, env: {} }, standing }, run.evaluator);
  if (!env.ok) return env;
  const scope = { contexts: { ...contexts, env: env.value }, standing };
  if (job.condition) {
    const holds = run.evaluator.condition(job.condition, scope);
    if (!holds.ok) return holds;
    if (!holds.value) return ok(null);
  }
  const all =
    'template' in job.matrix ? run.evaluator.matrix(job.matrix.template, scope) : ok(job.matrix.instances);
  return all.ok ? narrow(job, all.value) : all;
}

/** What `--matrix` asked for, by those of its keys that the matrix has. */
function narrow({ name, only }: PlannedJob, all: readonly MatrixValues[]): Outcome<readonly MatrixValues[]> {
  const has = (key: string): boolean => all.some((values) => Object.hasOwn(values, key));
  const asked = Object.fromEntries(Object.entries(only).filter(([key]) => has(key)));
  const left = all.filter((values) => matrixOf(values, asked));
  if (left.length > 0 || all.length === 0) return ok(left);
  const words = Object.entries(asked).map(([key, value]) => `${key}=${value}`);
  return fail('pipeline', 'empty-matrix', `the matrix of ${name} has no instance with ${words.join(' ')}`, {
    hint: `it has ${all.map((values) => instanceName(name, values)).join(', ')}`,
  });
}

interface InstanceSurroundings {
  readonly finished: ReadonlyMap<string, FinishedJob>;
  readonly standing: Standing;
  readonly cancel: AbortSignal;
}

/** Attempts until one succeeds or no retry is left; a place in the pool is held only while an attempt runs. */
async function executeInstance(
  run: Run,
  instance: JobInstance,
  around: InstanceSurroundings,
  pool: Pool,
): Promise<InstanceEnd> {
  const { retry } = instance.job;
  let started = run.now();
  let last: JobAttempt = withoutSteps(instance, 'cancelled', 'cancelled');
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await pool((aside) => {
      if (attempt === 1) started = run.now();
      return around.cancel.aborted
        ? Promise.resolve(null)
        : attemptJob(run, instance, { ...around, attempt, aside });
    });
    // Cancelled before it began: what the attempt before it gave is the last word.
    if (outcome === null) return endInstance(run, instance, last, attempt - 1, started);
    last = outcome;
    const reason = retryReason(outcome.result);
    const again =
      reason !== null && attempt <= retry.max && retry.on.includes(reason) && !around.cancel.aborted;
    if (!again) return endInstance(run, instance, outcome, attempt, started);
    const delayMs = retry.delayMs * retry.backoff ** (attempt - 1);
    await run.emit({
      type: 'job-retrying',
      job: instance.id,
      attempt,
      reason: outcome.result.reason ?? 'failure',
      delayMs,
    });
    await pause(delayMs, around.cancel);
  }
}

/** Which `retry.on` a failure answers to; the other reasons would only come again. */
const retryReasons: Partial<Record<JobReason, RetryReason>> = {
  'step-failed': 'failure',
  'service-failed': 'failure',
  'artifact-missing': 'failure',
  timeout: 'timeout',
  environment: 'environment',
};

const retryReason = ({ status, reason }: JobResult): RetryReason | null =>
  status === 'failure' && reason !== undefined ? (retryReasons[reason] ?? null) : null;

async function endInstance(
  run: Run,
  instance: JobInstance,
  { result, artifacts, steps, reused, failure }: JobAttempt,
  attempts: number,
  started: number,
): Promise<InstanceEnd> {
  const { id } = instance;
  const durationMs = run.now() - started;
  if (artifacts.length > 0) run.publish(instance, artifacts);
  await run.emit({
    type: 'job-finished',
    job: id,
    at: run.now(),
    durationMs,
    attempts,
    result,
    reused,
    ...(failure && { failure }),
  });
  return { id, result, artifacts, times: { attempts, durationMs, reused, steps } };
}

const endWithoutRunning = (
  run: Run,
  instance: JobInstance,
  status: 'skipped' | 'cancelled' | 'failure',
  reason: JobReason,
  failure?: Failure,
): Promise<InstanceEnd> =>
  endInstance(run, instance, withoutSteps(instance, status, reason, failure), 0, run.now());
