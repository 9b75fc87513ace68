// One attempt at one job instance: image → sandbox → steps → finally → artifacts and reports → result.
import type { Scope, Standing } from '../src/contract/evaluator.ts';
import type { Image, Sandbox, ServiceSpec } from '../src/contract/sandbox.ts';
import { fail, ok, type Failure, type Outcome } from '../src/model/failure.ts';
import type { JobReason, JobResult, StepResult } from '../src/model/result.ts';
import { collectArtifacts, collectReports } from './collect.ts';
import { startDeadline } from './deadline.ts';
import { needsContext, takenArtifacts, type FinishedJob, type StoredArtifact } from './finished-job.ts';
import { resolveJob, type JobInstance, type ResolvedJob } from './resolve-job.ts';
import { isAllowed } from './run-step.ts';
import { runSteps, worse, type Problem, type StepsEnd } from './run-steps.ts';
import type { Run } from './run.ts';
import { planWorkspace } from './workspace.ts';

export interface JobAttempt {
  readonly result: JobResult;
  readonly artifacts: readonly StoredArtifact[];
  /** Of each step in the result, in its order. */
  readonly stepMs: readonly number[];
  readonly failure?: Failure;
}

export interface JobSurroundings {
  readonly finished: ReadonlyMap<string, FinishedJob>;
  readonly standing: Standing;
  /** The first signal for this job: the run's, or a failed sibling's under `fail-fast`. */
  readonly cancel: AbortSignal;
  readonly attempt: number;
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
  using deadline = startDeadline(resolved.value.timeoutMs, [around.cancel]);
  const stop = {
    signal: deadline.signal,
    cause: () => (deadline.timedOut ? 'timeout' : 'cancelled'),
  } as const;
  const prepared = await prepare(run, instance, resolved.value, deadline.signal);
  if (deadline.signal.aborted) {
    if (prepared.ok) await prepared.value.sandbox.close();
    return interrupted(instance, stop.cause(), resolved.value.timeoutMs);
  }
  if (!prepared.ok) return notStarted(instance, prepared.failure);

  const { image, sandbox, services } = prepared.value;
  const close = (): void => void sandbox.close();
  try {
    await run.emit({
      type: 'job-started',
      job: instance.id,
      at: run.now(),
      attempt: around.attempt,
      image: resolved.value.image,
      steps: [...instance.job.steps, ...instance.job.finally].map((step) => step.name),
    });
    const end = await runSteps({
      run,
      instance,
      sandbox,
      workspace: workspace.value,
      resolved: resolved.value,
      services,
      stop,
    });
    // Whatever is still being collected when the second signal comes ends with the sandbox.
    run.kill.addEventListener('abort', close);
    return await finish(run, instance, { sandbox, image, end, timeoutMs: resolved.value.timeoutMs });
  } finally {
    run.kill.removeEventListener('abort', close);
    await sandbox.close();
  }
}

interface Prepared {
  readonly sandbox: Sandbox;
  readonly image: Image;
  readonly services: readonly ServiceSpec[];
}

/** Images of the job and of its services, then the job's container. */
async function prepare(
  run: Run,
  { job, id }: JobInstance,
  resolved: ResolvedJob,
  signal: AbortSignal,
): Promise<Outcome<Prepared>> {
  const engine = await run.engine();
  if (!engine.ok) return engine;
  const { platform } = run.plan;
  const references = [resolved.image, ...resolved.services.map((service) => service.image)];
  const images = await Promise.all(
    references.map((reference) => engine.value.image(reference, { platform, pull: run.pull, signal })),
  );
  const found: Image[] = [];
  for (const image of images) {
    if (!image.ok) return image;
    found.push(image.value);
  }
  const [image, ...serviceImages] = found;
  if (!image || signal.aborted)
    return fail('environment', 'cancelled', 'stopped before the container was made');
  const sandbox = await engine.value.open({
    job: id,
    runId: run.folder.id,
    image,
    platform,
    user: job.user,
    workdir: job.workdir,
    network: job.network,
    privileged: job.privileged,
    resources: job.resources,
    hasServices: resolved.services.length > 0,
  });
  if (!sandbox.ok) return sandbox;
  const services = resolved.services.flatMap((service, index) => {
    const serviceImage = serviceImages[index];
    return serviceImage ? [{ ...service, image: serviceImage }] : [];
  });
  return ok({ sandbox: sandbox.value, image, services });
}

interface Ran {
  readonly sandbox: Sandbox;
  readonly image: Image;
  readonly end: StepsEnd;
  readonly timeoutMs: number;
}

/** After the last step: outputs, artifacts, reports; the first thing that went wrong names the reason. */
async function finish(run: Run, instance: JobInstance, ran: Ran): Promise<JobAttempt> {
  const { job, id } = instance;
  const { end, sandbox } = ran;
  const outputs = resolveOutputs(run, instance, end.scope);
  let problem =
    end.problem ?? (outputs.ok ? null : { reason: 'configuration' as const, failure: outputs.failure });
  const artifacts: StoredArtifact[] = [];
  if (end.usable) {
    const collected = await collectArtifacts(
      run,
      sandbox,
      instance,
      problem === null ? 'success' : 'failure',
    );
    artifacts.push(...collected.artifacts);
    problem = worse(job.allowFailure, problem, collected.problem);
    await collectReports(run, sandbox, id, job.reports);
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
    stepMs: end.steps.map((step) => step.durationMs),
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
  return ok(Object.fromEntries(values));
}

const reasonOf = (failure: Failure): JobReason =>
  failure.kind === 'pipeline' ? 'configuration' : 'environment';

const skippedSteps = ({ job }: JobInstance): StepResult[] =>
  [...job.steps, ...job.finally].map((step) => ({ name: step.name, status: 'skipped' }));

/** The result of an instance none of whose steps started. */
export function withoutSteps(
  instance: JobInstance,
  status: JobResult['status'],
  reason: JobReason,
  failure?: Failure,
): JobAttempt {
  const steps = skippedSteps(instance);
  return {
    result: {
      status,
      'allowed-failure': status === 'failure' && isAllowed(instance.job.allowFailure, undefined),
      reason,
      outputs: {},
      artifacts: {},
      steps,
    },
    artifacts: [],
    stepMs: steps.map(() => 0),
    ...(failure && { failure }),
  };
}

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
