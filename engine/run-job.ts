// One attempt at one job instance: image → sandbox → steps → finally → artifacts and reports → result.
import type { Scope, Standing } from '../src/contract/evaluator.ts';
import type { Image, Sandbox } from '../src/contract/sandbox.ts';
import type { Reused } from '../src/model/event.ts';
import { fail, ok, type Failure, type Outcome } from '../src/model/failure.ts';
import type { JobReason, JobResult } from '../src/model/result.ts';
import { collectArtifacts, collectReports, type StoredReport } from './collect.ts';
import { startDeadline } from './deadline.ts';
import { needsContext, takenArtifacts, type FinishedJob, type StoredArtifact } from './finished-job.ts';
import { withoutSteps, type JobAttempt } from './job-attempt.ts';
import { JobRecording } from './job-recording.ts';
import { findLeakInTexts, isLeak, leakFailure } from './leak-guard.ts';
import { holdsAll, openJob } from './open-job.ts';
import { resolveJob, type JobInstance } from './resolve-job.ts';
import { carriedJob, startReuse } from './reuse-job.ts';
import { isAllowed } from './run-step.ts';
import { runSteps, worse, type Problem, type StepsEnd } from './run-steps.ts';
import type { Run } from './run.ts';
import type { Aside } from './worker-pool.ts';
import { planWorkspace } from './workspace.ts';

export interface JobSurroundings {
  readonly finished: ReadonlyMap<string, FinishedJob>;
  readonly standing: Standing;
  /** The first signal for this job: the run's, or a failed sibling's under `fail-fast`. */
  readonly cancel: AbortSignal;
  readonly attempt: number;
  /** Out of the way of other jobs, while nothing of this one is under way. */
  readonly aside: Aside;
}

/** Never rejects for what the world or the user does; nothing of the attempt is left in the engine. */
export async function attemptJob(
  run: Run,
  instance: JobInstance,
  around: JobSurroundings,
): Promise<JobAttempt> {
  const needs = needsContext(instance.job, around.finished);
  const resolved = resolveJob(run.plan, instance, needs, around.standing, run.evaluator);
  if (!resolved.ok) return notStarted(instance, resolved.failure);
  const workspace = await planWorkspace(
    run.source,
    instance.job,
    takenArtifacts(instance.job, around.finished),
  );
  if (!workspace.ok) return notStarted(instance, workspace.failure);

  if (around.attempt > 1) await run.folder.clear(instance.id);
  const reuse = await startReuse(run, instance, resolved.value, workspace.value, around);
  if ('failure' in reuse) {
    if (!around.cancel.aborted && !reuse.timedOut) return notStarted(instance, reuse.failure);
    return interrupted(instance, reuse.timedOut ? 'timeout' : 'cancelled', resolved.value.timeoutMs);
  }
  if ('whole' in reuse) return reuse.whole;

  // What others are waited for counts to no timeout of this job.
  using deadline = startDeadline(resolved.value.timeoutMs, [around.cancel]);
  const stop = {
    signal: deadline.signal,
    cause: () => (deadline.timedOut ? 'timeout' : 'cancelled'),
  } as const;
  const opened = await openJob(run, instance, resolved.value, reuse.known, deadline.signal);
  if (!opened.ok || deadline.signal.aborted) {
    await reuse.lock?.release();
    if (opened.ok) await opened.value.sandbox.close();
    if (deadline.signal.aborted || opened.ok)
      return interrupted(instance, stop.cause(), resolved.value.timeoutMs);
    return notStarted(instance, opened.failure);
  }

  const { image, sandbox, services, mounts, known } = opened.value;
  const recording =
    reuse.recording &&
    new JobRecording(run, { ...reuse.recording, snapshots: holdsAll(instance.job, image) });
  const reused = known.length > 0 ? 'prefix' : 'none';
  const close = (): void => void sandbox.close();
  try {
    await run.emit({
      type: 'job-started',
      job: instance.id,
      at: run.now(),
      attempt: around.attempt,
      image: resolved.value.image,
      steps: [...instance.job.steps, ...instance.job.finally].map((step) => step.name),
      reused,
    });
    const end = await runSteps({
      run,
      instance,
      sandbox,
      workspace: workspace.value,
      resolved: resolved.value,
      services,
      known,
      recording,
      stop,
    });
    // Whatever is still being collected when the second signal comes ends with the sandbox.
    run.kill.addEventListener('abort', close);
    const attempt = await finish(run, instance, {
      ...{ sandbox, image, end, reused, timeoutMs: resolved.value.timeoutMs },
    });
    const written = recording?.finish(
      isRecordable(attempt) ? { ...attempt, outputs: attempt.result.outputs } : null,
    );
    const { carrier } = run;
    const ended = {
      ...{ job: instance.job, mounts, image, status: attempt.result.status },
      carried: reuse.recording && carriedJob(run, instance, reuse.recording.place),
    };
    if (carrier !== null) run.later(Promise.resolve(written).then(() => carrier.ended(ended)));
    return attempt;
  } finally {
    run.kill.removeEventListener('abort', close);
    await sandbox.close();
  }
}

/** A job is recorded when no step failed, not even an allowed one. */
const isRecordable = ({ result }: JobAttempt): boolean =>
  result.status === 'success' &&
  result.steps.every(({ status }) => status === 'success' || status === 'skipped');

interface Ran {
  readonly sandbox: Sandbox;
  readonly image: Image;
  readonly end: StepsEnd;
  readonly reused: Reused;
  readonly timeoutMs: number;
}

/** After the last step: outputs, artifacts, reports; the first thing that went wrong names the reason. */
async function finish(run: Run, instance: JobInstance, ran: Ran): Promise<JobAttempt> {
  const { job, id } = instance;
  const { end, sandbox } = ran;
  const outputs = resolveOutputs(run, instance, end.scope);
  let problem =
    end.problem ?? (outputs.ok ? null : { reason: outputsReason(outputs.failure), failure: outputs.failure });
  const artifacts: StoredArtifact[] = [];
  const reports: StoredReport[] = [];
  if (end.usable) {
    const collected = await collectArtifacts(
      run,
      sandbox,
      instance,
      problem === null ? 'success' : 'failure',
    );
    artifacts.push(...collected.artifacts);
    problem = worse(job.allowFailure, problem, collected.problem);
    const reported = await collectReports(run, sandbox, id, job.reports);
    reports.push(...reported.stored);
    if (reported.leak !== null)
      problem = worse(job.allowFailure, problem, { reason: 'secret-in-artifact', failure: reported.leak });
  }
  const status = problem === null ? 'success' : problem.reason === 'cancelled' ? 'cancelled' : 'failure';
  const result: JobResult = {
    status,
    'allowed-failure': status === 'failure' && isAllowed(job.allowFailure, problem?.exitCode),
    ...(problem && { reason: problem.reason }),
    image: ran.image.digest,
    outputs: outputs.ok ? outputs.value : {},
    artifacts: Object.fromEntries(artifacts.map(({ name, digest }) => [name, digest])),
    steps: end.steps.map((step) => step.result),
  };
  return {
    result,
    artifacts,
    reports,
    steps: end.steps,
    reused: ran.reused,
    ...failureOf(problem, ran),
  };
}

/** A job's own timeout is told by the step it stopped; a step's timeout has said so itself. */
function failureOf(problem: Problem | null, { end, timeoutMs }: Ran): { failure?: Failure } {
  if (problem?.failure) return { failure: problem.failure };
  if (problem?.reason !== 'timeout') return {};
  const stopped = end.steps.find(({ result }) => result.status === 'timeout');
  return {
    failure: timeoutFailure(
      timeoutMs,
      stopped ? `'${stopped.result.name}' ran` : 'its services were started',
    ),
  };
}

function resolveOutputs(
  run: Run,
  { job }: JobInstance,
  scope: Scope,
): Outcome<Readonly<Record<string, string>>> {
  const values: [string, string][] = [];
  for (const [name, template] of Object.entries(job.outputs)) {
    const text = run.evaluator.text(template, scope);
    if (!text.ok) return text;
    values.push([name, text.value]);
  }
  const outputs = Object.fromEntries(values);
  // Each step's were looked at, but here they are put together.
  const leak = findLeakInTexts(run.redactor, outputs);
  return leak === null ? ok(outputs) : { ok: false, failure: leakFailure(leak, `the job's ${leak.where}`) };
}

const outputsReason = (failure: Failure): JobReason =>
  isLeak(failure) ? 'secret-in-artifact' : 'configuration';

const reasonOf = (failure: Failure): JobReason =>
  failure.kind === 'pipeline' ? 'configuration' : 'environment';

const notStarted = (instance: JobInstance, failure: Failure): JobAttempt =>
  withoutSteps(instance, 'failure', reasonOf(failure), failure);

function interrupted(instance: JobInstance, cause: 'cancelled' | 'timeout', timeoutMs: number): JobAttempt {
  if (cause === 'cancelled') return withoutSteps(instance, 'cancelled', cause);
  return withoutSteps(
    instance,
    'failure',
    cause,
    timeoutFailure(timeoutMs, 'its image and container were made ready'),
  );
}

const timeoutFailure = (timeoutMs: number, meanwhile: string): Failure =>
  fail(
    'pipeline',
    'timeout',
    `the job took longer than its timeout of ${timeoutMs / 1000}s, while ${meanwhile}`,
    {
      hint: 'raise `timeout` of the job, or give the slow step one of its own',
    },
  ).failure;
