// The steps of an open job, one after the other, then `finally` → how each ended and what stood in the way.
import type { Scope, Standing } from '../src/contract/evaluator.ts';
import type { Sandbox, ServiceSpec } from '../src/contract/sandbox.ts';
import type { Failure } from '../src/model/failure.ts';
import type { JsonObject } from '../src/model/json.ts';
import type { AllowFailure, PlannedStep } from '../src/model/plan.ts';
import type { JobReason } from '../src/model/result.ts';
import { startDeadline, type Deadline } from './deadline.ts';
import type { JobInstance, ResolvedJob } from './resolve-job.ts';
import { isAllowed, runStep, sandboxIsGone, type StepFinish } from './run-step.ts';
import type { Run } from './run.ts';
import { fillWorkspace, type Workspace } from './workspace.ts';

export interface OpenJob {
  readonly run: Run;
  readonly instance: JobInstance;
  readonly sandbox: Sandbox;
  readonly workspace: Workspace;
  readonly resolved: ResolvedJob;
  readonly services: readonly ServiceSpec[];
  /** Cancel or the job's timeout. */
  readonly stop: { readonly signal: AbortSignal; readonly cause: () => 'cancelled' | 'timeout' };
}

/** The first thing that kept the job from success. */
export interface Problem {
  readonly reason: JobReason;
  readonly failure?: Failure;
  readonly exitCode?: number;
}

export interface StepsEnd {
  /** `steps`, then `finally`. */
  readonly steps: readonly StepFinish[];
  readonly problem: Problem | null;
  /** False after the engine or the container went: nothing can be collected. */
  readonly usable: boolean;
  /** What the job's outputs may read. */
  readonly scope: Scope;
}

/** Where the job is; the only thing that changes while its steps run. */
interface Progress {
  readonly finishes: StepFinish[];
  /** The `steps` context. */
  readonly context: Map<string, JsonObject>;
  problem: Problem | null;
  usable: boolean;
  servicesStarted: boolean;
  /** Steps whose files have been put; a skipped step's come with the next that runs. */
  revealed: number;
  /** Bounds what still runs after a cancel or a time-out, and `finally`; heeds only the second signal. */
  late: Deadline | null;
}

type Phase = 'steps' | 'finally';

export async function runSteps(open: OpenJob): Promise<StepsEnd> {
  const { job } = open.instance;
  const progress: Progress = {
    finishes: [],
    context: new Map(),
    problem: null,
    usable: true,
    servicesStarted: open.services.length === 0,
    revealed: 0,
    late: null,
  };
  for (const step of job.steps) await takeStep(open, progress, step, 'steps');
  const anyRan = progress.finishes.some((finish) => finish.result.status !== 'skipped');
  for (const step of job.finally) {
    if (anyRan) await takeStep(open, progress, step, 'finally');
    else progress.finishes.push(await skipStep(open, progress, step, 'finally'));
  }
  progress.late?.[Symbol.dispose]();
  return {
    steps: progress.finishes,
    problem: progress.problem,
    usable: progress.usable && !open.run.kill.aborted,
    scope: scopeOf(open, progress),
  };
}

async function takeStep(open: OpenJob, progress: Progress, step: PlannedStep, phase: Phase): Promise<void> {
  const finish = (await isDue(open, progress, step, phase))
    ? await runDueStep(open, progress, step, phase)
    : await skipStep(open, progress, step, phase);
  progress.finishes.push(finish);
  if (step.id === null) return;
  const { status, 'exit-code': exitCode = null } = finish.result;
  progress.context.set(step.id, { outputs: finish.outputs, outcome: status, 'exit-code': exitCode });
}

/** Whether the step's turn comes, its services and files being there; what stands in the way is the job's problem. */
async function isDue(open: OpenJob, progress: Progress, step: PlannedStep, phase: Phase): Promise<boolean> {
  const { stop } = open;
  blame(open, progress, serviceProblem(open) ?? (stop.signal.aborted ? { reason: stop.cause() } : null));
  if (!progress.usable || open.run.kill.aborted || !holds(open, progress, step, phase)) return false;
  if (isLate(open, phase) && lateDeadline(open, progress).signal.aborted) return false;
  return makeReady(open, progress, step, phase, stopFor(open, progress, phase));
}

const isLate = ({ stop }: OpenJob, phase: Phase): boolean => phase === 'finally' || stop.signal.aborted;

function lateDeadline({ run, stop, resolved }: OpenJob, progress: Progress): Deadline {
  const cancelled = stop.signal.aborted && stop.cause() === 'cancelled';
  const ms = (cancelled ? run.grace.lateMs : null) ?? resolved.timeoutMs;
  return (progress.late ??= startDeadline(ms, [run.kill]));
}

function holds(open: OpenJob, progress: Progress, step: PlannedStep, phase: Phase): boolean {
  if (step.condition === null) return phase === 'finally' || progress.problem === null;
  const { evaluator } = open.run;
  const decide = phase === 'finally' ? evaluator.literalCondition : evaluator.condition;
  const held = decide(step.condition, scopeOf(open, progress));
  if (!held.ok) blame(open, progress, { reason: 'configuration', failure: held.failure });
  return held.ok && held.value;
}

function scopeOf({ resolved }: OpenJob, { problem, context }: Progress): Scope {
  const standing: Standing = {
    success: problem === null,
    failure: problem !== null && problem.reason !== 'cancelled',
    cancelled: problem?.reason === 'cancelled',
  };
  return { contexts: { ...resolved.contexts, steps: Object.fromEntries(context) }, standing };
}

/** What ends a step of this phase and the way to it, and what that means. */
function stopFor(open: OpenJob, progress: Progress, phase: Phase): OpenJob['stop'] {
  const { run, sandbox, stop } = open;
  if (isLate(open, phase)) {
    const { signal } = lateDeadline(open, progress);
    return { signal, cause: () => (run.kill.aborted ? 'cancelled' : 'timeout') };
  }
  const signal = AbortSignal.any([stop.signal, sandbox.serviceDied]);
  return { signal, cause: () => (stop.signal.aborted ? stop.cause() : 'cancelled') };
}

async function makeReady(
  open: OpenJob,
  progress: Progress,
  step: PlannedStep,
  phase: Phase,
  stop: OpenJob['stop'],
): Promise<boolean> {
  const { run, instance, sandbox } = open;
  // A clean-up must not wait for, nor fail with, services that no step has asked for.
  if (step.services && phase === 'steps' && !progress.servicesStarted) {
    progress.servicesStarted = true;
    const ready = (service: string, durationMs: number): void =>
      void run.emit({ type: 'service-ready', job: instance.id, service, durationMs });
    const started = await sandbox.startServices(open.services, ready, stop.signal);
    if (stop.signal.aborted) return stopped(open, progress, stop);
    if (!started.ok) {
      const reason = started.failure.kind === 'pipeline' ? 'service-failed' : 'environment';
      progress.usable &&= reason === 'service-failed';
      blame(open, progress, { reason, failure: started.failure });
      return false;
    }
  }
  const upTo = progress.finishes.length + 1;
  const files = open.workspace.slice(progress.revealed, upTo).flat();
  const filled = await fillWorkspace(sandbox, files, stop.signal);
  progress.revealed = upTo;
  if (stop.signal.aborted) return stopped(open, progress, stop);
  if (!filled.ok) {
    progress.usable = false;
    blame(open, progress, { reason: 'environment', failure: filled.failure });
  }
  return filled.ok;
}

function stopped(open: OpenJob, progress: Progress, stop: OpenJob['stop']): false {
  blame(open, progress, serviceProblem(open) ?? { reason: stop.cause() });
  return false;
}

async function runDueStep(
  open: OpenJob,
  progress: Progress,
  step: PlannedStep,
  phase: Phase,
): Promise<StepFinish> {
  const { run, instance, sandbox, resolved } = open;
  const stop = stopFor(open, progress, phase);
  const finish = await runStep(run, sandbox, {
    ref: { job: instance.id, step: progress.finishes.length },
    step,
    phase,
    scope: scopeOf(open, progress),
    env: resolved.env,
    workdir: instance.job.workdir,
    user: instance.job.user,
    resources: instance.job.resources,
    stop: stop.signal,
    stoppedAs: stop.cause,
  });
  blame(open, progress, serviceProblem(open) ?? problemOf(finish));
  if (sandboxIsGone(finish.failure)) progress.usable = false;
  return finish;
}

const blame = ({ instance }: OpenJob, progress: Progress, found: Problem | null): void => {
  progress.problem = worse(instance.job.allowFailure, progress.problem, found);
};

/** The first problem counts, but for one that the job's `allow-failure` covers and a later one is not covered by. */
export function worse(allow: AllowFailure, first: Problem | null, later: Problem | null): Problem | null {
  if (first === null || later === null) return first ?? later;
  return isAllowed(allow, first.exitCode) && !isAllowed(allow, later.exitCode) ? later : first;
}

/** A service that died explains more than the step that missed it. */
const serviceProblem = ({ sandbox: { serviceDied } }: OpenJob): Problem | null =>
  serviceDied.aborted ? { reason: 'service-failed', failure: serviceDied.reason as Failure } : null;

function problemOf({ result, failure, allowed, misconfigured }: StepFinish): Problem | null {
  const exitCode = result['exit-code'];
  const more = { ...(failure && { failure }), ...(exitCode !== undefined && { exitCode }) };
  switch (result.status) {
    case 'success':
    case 'skipped':
      return null;
    case 'cancelled':
      return { reason: 'cancelled', ...more };
    case 'timeout':
      return allowed ? null : { reason: 'timeout', ...more };
    case 'failure':
      if (allowed) return null;
      if (misconfigured) return { reason: 'configuration', ...more };
      return { reason: failure?.kind === 'environment' ? 'environment' : 'step-failed', ...more };
  }
}

async function skipStep(
  { run, instance }: OpenJob,
  { finishes }: Progress,
  step: PlannedStep,
  phase: Phase,
): Promise<StepFinish> {
  await run.emit({
    type: 'step-finished',
    job: instance.id,
    step: finishes.length,
    at: run.now(),
    name: step.name,
    phase,
    status: 'skipped',
    allowedFailure: false,
    durationMs: 0,
  });
  return {
    result: { name: step.name, status: 'skipped' },
    outputs: {},
    durationMs: 0,
    allowed: false,
    misconfigured: false,
  };
}
