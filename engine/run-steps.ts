// The steps of an open job, one after the other, then `finally` → how each ended and what stood in the way.
import type { Scope, Standing } from '../src/contract/evaluator.ts';
import type { Sandbox, ServiceSpec } from '../src/contract/sandbox.ts';
import type { StepRef } from '../src/model/event.ts';
import type { Failure } from '../src/model/failure.ts';
import type { JsonObject } from '../src/model/json.ts';
import type { AllowFailure, PlannedStep } from '../src/model/plan.ts';
import type { JobReason } from '../src/model/result.ts';
import { startDeadline, type Deadline } from './deadline.ts';
import type { JobInstance, ResolvedJob } from './resolve-job.ts';
import type { JobRecording } from './job-recording.ts';
import { isLeak } from './leak-guard.ts';
import type { LogRecording } from './log-frames.ts';
import type { KnownStep } from './recorded-job.ts';
import { replayKnown } from './replay-step.ts';
import { isAllowed, runStep, sandboxIsGone, skipStep, type StepFinish } from './run-step.ts';
import type { Run } from './run.ts';
import { fillWorkspace, type Workspace } from './workspace.ts';

export interface OpenJob {
  readonly run: Run;
  readonly instance: JobInstance;
  readonly sandbox: Sandbox;
  readonly workspace: Workspace;
  readonly resolved: ResolvedJob;
  readonly services: readonly ServiceSpec[];
  /** Answered from records: the sandbox starts with what they left. */
  readonly known: readonly KnownStep[];
  /** Null: nothing of this job is recorded. */
  readonly recording: JobRecording | null;
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
  for (const step of job.steps.slice(0, open.known.length)) await takeKnown(open, progress, step);
  for (const step of job.steps.slice(open.known.length)) await takeStep(open, progress, step, 'steps');
  await open.recording?.endSteps(scopeOf(open, progress), progress.problem === null);
  const anyRan = progress.finishes.some((finish) => finish.result.status !== 'skipped');
  for (const step of job.finally) {
    if (anyRan) await takeStep(open, progress, step, 'finally');
    else progress.finishes.push(await skipStep(open.run, refOf(open, progress), step, 'finally'));
  }
  progress.late?.[Symbol.dispose]();
  return {
    steps: progress.finishes,
    problem: progress.problem,
    usable: progress.usable && !open.run.kill.aborted,
    scope: scopeOf(open, progress),
  };
}

/** Whichever file it was the first to see lies in the snapshot that the sandbox started from. */
async function takeKnown(open: OpenJob, progress: Progress, step: PlannedStep): Promise<void> {
  const known = open.known[progress.finishes.length];
  if (known === undefined) return;
  open.recording?.known(known);
  noteFinish(progress, step, await replayKnown(open.run, refOf(open, progress), step, known.record));
  progress.revealed = progress.finishes.length;
}

async function takeStep(open: OpenJob, progress: Progress, step: PlannedStep, phase: Phase): Promise<void> {
  const due = await isDue(open, progress, step, phase);
  const log = await recordingOf(open, progress, step, phase, due);
  const finish = due
    ? await runDueStep(open, progress, step, phase, log)
    : await skipStep(open.run, refOf(open, progress), step, phase);
  if (due && phase === 'steps') await recordEnd(open, progress, finish);
  noteFinish(progress, step, finish);
}

const refOf = ({ instance }: OpenJob, { finishes }: Progress): StepRef => ({
  job: instance.id,
  step: finishes.length,
});

function noteFinish(progress: Progress, step: PlannedStep, finish: StepFinish): void {
  progress.finishes.push(finish);
  if (step.id === null) return;
  const { status, 'exit-code': exitCode = null } = finish.result;
  progress.context.set(step.id, { outputs: finish.outputs, outcome: status, 'exit-code': exitCode });
}

async function recordingOf(
  open: OpenJob,
  progress: Progress,
  step: PlannedStep,
  phase: Phase,
  due: boolean,
): Promise<LogRecording | null> {
  const { recording } = open;
  if (recording === null) return null;
  if (phase === 'finally') return due ? recording.beginFinally() : null;
  if (progress.problem !== null) recording.stop();
  return recording.begin(progress.finishes.length, step, scopeOf(open, progress), due);
}

/** What services have been told by then is in no snapshot. */
async function recordEnd(open: OpenJob, progress: Progress, finish: StepFinish): Promise<void> {
  if (progress.problem !== null) open.recording?.stop();
  const index = progress.finishes.length;
  await open.recording?.end(finish, open.sandbox, {
    index,
    more: index + 1 < open.instance.job.steps.length,
    holdsAll: open.services.length === 0 || !progress.servicesStarted,
    stop: AbortSignal.any([open.stop.signal, open.run.kill]),
  });
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
  log: LogRecording | null,
): Promise<StepFinish> {
  const { run, instance, sandbox, resolved } = open;
  const stop = stopFor(open, progress, phase);
  const finish = await runStep(run, sandbox, {
    ref: refOf(open, progress),
    step,
    phase,
    scope: scopeOf(open, progress),
    env: resolved.env,
    workdir: instance.job.workdir,
    user: instance.job.user,
    resources: instance.job.resources,
    stop: stop.signal,
    stoppedAs: stop.cause,
    secrets: instance.job.secrets,
    log,
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
      if (isLeak(failure)) return { reason: 'secret-in-artifact', ...more };
      if (misconfigured) return { reason: 'configuration', ...more };
      return { reason: failure?.kind === 'environment' ? 'environment' : 'step-failed', ...more };
  }
}
