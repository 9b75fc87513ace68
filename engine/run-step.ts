// One step whose turn has come → how it ended, attempts and all.
import type { Evaluator, Scope } from '../src/contract/evaluator.ts';
import type { Redactor } from '../src/contract/redactor.ts';
import type { Sandbox, StepEnd } from '../src/contract/sandbox.ts';
import type { StepRef } from '../src/model/event.ts';
import { fail, type Failure } from '../src/model/failure.ts';
import type { AllowFailure, PlannedStep, Resources } from '../src/model/plan.ts';
import type { StepResult, StepStatus } from '../src/model/result.ts';
import { formatBytes } from '../src/model/size.ts';
import { pause, startDeadline } from './deadline.ts';
import { grantSecrets } from './granted-secrets.ts';
import { findLeak, isLeak, leakFailure } from './leak-guard.ts';
import type { LogRecording } from './log-frames.ts';
import { maskLog } from './masked-log.ts';
import { resolveDuration, resolveEnv } from './resolve-job.ts';
import type { Run } from './run.ts';
import { parseStepOutputs } from './step-outputs.ts';

export interface StepTurn {
  readonly ref: StepRef;
  readonly step: PlannedStep;
  readonly phase: 'steps' | 'finally';
  /** What the step's expressions see; `env` is the job's. */
  readonly scope: Scope;
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string;
  readonly user: string | null;
  readonly resources: Resources;
  /** Ends the step, and what it means when it does. */
  readonly stop: AbortSignal;
  readonly stoppedAs: () => 'cancelled' | 'timeout';
  /** Of the job, granted to each of its steps. */
  readonly secrets: readonly string[];
  /** Gets what it writes, too. */
  readonly log: LogRecording | null;
}

export interface StepFinish {
  readonly result: StepResult;
  readonly outputs: Readonly<Record<string, string>>;
  /** Markdown. */
  readonly summary: string;
  readonly durationMs: number;
  readonly reused: boolean;
  /** Of a reused step: what it took when it ran. */
  readonly savedMs: number;
  /** Failed, but its `allow-failure` lets it. */
  readonly allowed: boolean;
  /** An expression of it has no value: it never started. */
  readonly misconfigured: boolean;
  /** It ended with 0, and nothing casts doubt on that. */
  readonly recordable: boolean;
  /** Of the sandbox, after it. */
  readonly hostFilesChanged: boolean;
  readonly failure?: Failure;
}

interface Attempt {
  readonly status: StepStatus;
  readonly exitCode?: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: Uint8Array;
  readonly outOfMemory?: boolean;
  readonly hostFilesChanged?: boolean;
  readonly misconfigured?: boolean;
  readonly failure?: Failure;
}

/** Emits the step's events. A failure of kind `environment` means that the sandbox is of no use any more. */
export async function runStep(run: Run, sandbox: Sandbox, turn: StepTurn): Promise<StepFinish> {
  const { step, ref, phase } = turn;
  const started = run.now();
  const attempt = await attemptUntilDone(run, sandbox, turn);
  const { status, exitCode, outputs, misconfigured = false, failure } = attempt;
  const summary = new TextDecoder().decode(attempt.summary);
  const durationMs = run.now() - started;
  const failed = status === 'failure' || status === 'timeout';
  const allowed =
    failed &&
    !misconfigured &&
    !sandboxIsGone(failure) &&
    !isLeak(failure) &&
    isAllowed(step.allowFailure, exitCode);
  if (summary !== '') await run.emit({ type: 'step-summary', ...ref, markdown: summary });
  await run.emit({
    type: 'step-finished',
    ...ref,
    at: run.now(),
    name: step.name,
    phase,
    status,
    ...(exitCode !== undefined && { exitCode }),
    allowedFailure: allowed,
    durationMs,
    ...ranNow,
    ...(failure && { failure }),
  });
  const result = { name: step.name, status, ...(exitCode !== undefined && { 'exit-code': exitCode }) };
  return {
    ...{ result, outputs, summary, durationMs, ...ranNow, allowed, misconfigured },
    recordable: status === 'success' && attempt.outOfMemory !== true,
    hostFilesChanged: attempt.hostFilesChanged ?? false,
    ...(failure && { failure }),
  };
}

const ranNow = { reused: false, savedMs: 0 } as const;

/** A step whose turn did not come, or whose `if` does not hold. */
export async function skipStep(
  run: Run,
  ref: StepRef,
  { name }: PlannedStep,
  phase: StepTurn['phase'],
): Promise<StepFinish> {
  const status = 'skipped';
  await run.emit({
    ...{ type: 'step-finished', ...ref, at: run.now(), name, phase, status },
    ...{ allowedFailure: false, durationMs: 0, ...ranNow },
  });
  return notRun(name);
}

export const notRun = (name: string): StepFinish => ({
  ...{ result: { name, status: 'skipped' }, outputs: {}, summary: '', durationMs: 0, ...ranNow },
  ...{ allowed: false, misconfigured: false, recordable: false, hostFilesChanged: false },
});

async function attemptUntilDone(run: Run, sandbox: Sandbox, turn: StepTurn): Promise<Attempt> {
  const { step, ref, phase } = turn;
  for (let number = 1; ; number += 1) {
    await run.emit({
      type: 'step-started',
      ...ref,
      at: run.now(),
      name: step.name,
      phase,
      attempt: number,
      reused: false,
    });
    const attempt = await attemptStep(run, sandbox, turn);
    if (!isRetried(turn, attempt, number)) return attempt;
    const delayMs = step.retry.delayMs * step.retry.backoff ** (number - 1);
    const message = `step '${step.name}': ${attempt.status}, trying again in ${delayMs / 1000}s (${number} of ${step.retry.max})`;
    await run.emit({ type: 'notice', level: 'info', code: 'step-retried', job: ref.job, message });
    await pause(delayMs, turn.stop);
    if (turn.stop.aborted) return attempt;
  }
}

function isRetried({ step, stop }: StepTurn, attempt: Attempt, number: number): boolean {
  const { status, failure, misconfigured } = attempt;
  if (misconfigured || stop.aborted || number > step.retry.max) return false;
  if (sandboxIsGone(failure) || isLeak(failure)) return false;
  return (status === 'failure' || status === 'timeout') && step.retry.on.includes(status);
}

/** After such a failure nothing more can run there, so nothing may pass over it. */
export const sandboxIsGone = (failure: Failure | undefined): boolean =>
  failure?.kind === 'environment' || failure?.code === 'sandbox-died';

/** Whether `allow-failure` covers this exit code; one that was never seen is covered by `true` only. */
export function isAllowed(allow: AllowFailure, exitCode: number | undefined): boolean {
  if (typeof allow === 'boolean') return allow;
  return exitCode !== undefined && allow.exitCodes.includes(exitCode);
}

async function attemptStep(run: Run, sandbox: Sandbox, turn: StepTurn): Promise<Attempt> {
  const { step } = turn;
  const resolved = resolveTurn(run.evaluator, turn);
  if (!resolved.ok) return { ...unstarted, failure: resolved.failure };
  const granted = grantSecrets(run, [...turn.secrets, ...step.secrets]);
  if (!granted.ok) return { ...unstarted, failure: granted.failure };
  using deadline = startDeadline(resolved.timeoutMs, [turn.stop]);
  const log = maskLog(run.redactor, (stream, chunk) => {
    const told = run.emit({ type: 'log', ...turn.ref, stream, chunk });
    const recorded = turn.log?.write(stream, chunk);
    return recorded === undefined ? told : Promise.all([told, recorded]).then(() => undefined);
  });
  const end = await sandbox.run(
    {
      script: step.run,
      shell: step.shell,
      env: resolved.env,
      user: step.user ?? turn.user,
      workdir: step.workdir ?? turn.workdir,
      isolated: false,
      secretEnv: granted.value.env,
      secretFiles: granted.value.files,
    },
    log.write,
    { stop: deadline.signal, graceMs: run.grace.stopMs, kill: run.kill },
  );
  await log.end();
  await noteSideEffects(run, turn, end);
  const leak = leakIn(run, turn, end);
  const attempt = judge(turn, end, deadline.timedOut, resolved.timeoutMs, run.redactor.text);
  return leak === null
    ? attempt
    : { ...attempt, status: 'failure', outputs: {}, summary: new Uint8Array(), failure: leak };
}

const unstarted = {
  status: 'failure',
  outputs: {},
  summary: new Uint8Array(),
  misconfigured: true,
} as const;

type ResolvedTurn =
  | { readonly ok: true; readonly env: Readonly<Record<string, string>>; readonly timeoutMs: number }
  | { readonly ok: false; readonly failure: Failure };

function resolveTurn(evaluator: Evaluator, turn: StepTurn): ResolvedTurn {
  const own = resolveEnv(turn.step.env, turn.scope, evaluator);
  if (!own.ok) return own;
  const env = { ...turn.env, ...own.value };
  const scope: Scope = { ...turn.scope, contexts: { ...turn.scope.contexts, env } };
  if (turn.step.timeout === null) return { ok: true, env, timeoutMs: Infinity };
  const timeoutMs = resolveDuration(turn.step.timeout, scope, evaluator);
  return timeoutMs.ok ? { ok: true, env, timeoutMs: timeoutMs.value } : timeoutMs;
}

async function noteSideEffects(run: Run, turn: StepTurn, end: StepEnd): Promise<void> {
  const notice = { type: 'notice', job: turn.ref.job } as const;
  const name = `step '${turn.step.name}'`;
  // One that was stopped had no time to wait for its own.
  if (end.leftOvers > 0 && !end.stopped) {
    const processes = end.leftOvers === 1 ? 'a process' : `${end.leftOvers} processes`;
    const message = `${name} left ${processes} running; killed (what must live longer is a service)`;
    await run.emit({ ...notice, level: 'info', code: 'left-over-process', message });
  }
  if (end.outOfMemory && end.exitCode === 0) {
    const message = `${name} hit the memory limit (${memoryLimit(turn)}) and lost a process, yet ended with 0`;
    await run.emit({ ...notice, level: 'warning', code: 'out-of-memory', message });
  }
}

const memoryLimit = ({ resources }: StepTurn): string =>
  resources.memoryBytes === undefined ? "the machine's" : formatBytes(resources.memoryBytes);

/** In what it would publish, as it was written: names of outputs can hold one too, and a value may have a `=` in it. */
function leakIn({ redactor }: Run, { step }: StepTurn, { outputs, summary }: StepEnd): Failure | null {
  for (const [what, bytes] of [['$LOCKSTEP_OUTPUT', outputs] as const, ['the summary', summary] as const]) {
    const leak = findLeak(redactor, bytes);
    if (leak !== null) return leakFailure(leak, `${what} of step '${step.name}'`);
  }
  return null;
}

function judge(
  turn: StepTurn,
  end: StepEnd,
  timedOut: boolean,
  timeoutMs: number,
  mask: Redactor['text'],
): Attempt {
  const { summary, outOfMemory, hostFilesChanged } = end;
  const seen = {
    summary,
    outOfMemory,
    hostFilesChanged,
    ...(end.exitCode !== undefined && { exitCode: end.exitCode }),
  };
  const failed = (failure: Failure): Attempt => ({ ...seen, status: 'failure', outputs: {}, failure });
  if (end.failure) return failed(end.failure);
  if (end.stopped) {
    if (!timedOut) return { status: turn.stoppedAs(), outputs: {}, summary: end.summary };
    const { failure } = fail(
      'pipeline',
      'timeout',
      `the step took longer than its timeout of ${timeoutMs / 1000}s`,
    );
    return { status: 'timeout', outputs: {}, summary: end.summary, failure };
  }
  const outputs = parseStepOutputs(end.outputs, mask);
  if (end.exitCode !== 0) {
    const parsed = outputs.ok ? outputs.value : {};
    if (!end.outOfMemory) return { ...seen, status: 'failure', outputs: parsed };
    const message = `out of memory: limit ${memoryLimit(turn)}, exit ${end.exitCode ?? 'unknown'}`;
    const { failure } = fail('pipeline', 'out-of-memory', message, {
      hint: 'raise resources.memory of the job',
    });
    return { ...seen, status: 'failure', outputs: parsed, failure };
  }
  return outputs.ok ? { ...seen, status: 'success', outputs: outputs.value } : failed(outputs.failure);
}
