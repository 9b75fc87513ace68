// Builders of events for the tests of reporters.
import type {
  Emit,
  JobFinished,
  RunEvent,
  RunFinished,
  RunStarted,
  StepFinished,
} from '../../../src/model/event.ts';
import { resultDigest, type JobResult, type RunResult } from '../../../src/model/result.ts';

export const runStarted = (jobs: readonly string[]): RunStarted => ({
  type: 'run-started',
  schema: 1,
  id: 'r1',
  at: 0,
  title: 'web',
  directory: '.lockstep/runs/r1',
  jobs,
  parallel: 2,
  engine: 'Docker 20.10.24',
});

export const jobStarted = (job: string, attempt = 1): RunEvent => ({
  type: 'job-started',
  job,
  at: 0,
  attempt,
  image: 'busybox',
  steps: ['build'],
  reused: 'none',
});

export const stepStarted = (job: string, step: number, name: string): RunEvent => ({
  type: 'step-started',
  job,
  step,
  at: 0,
  name,
  phase: 'steps',
  attempt: 1,
  reused: false,
});

export const stepFinished = (
  job: string,
  step: number,
  name: string,
  more: Partial<StepFinished> = {},
): StepFinished => ({
  type: 'step-finished',
  job,
  step,
  at: 0,
  name,
  phase: 'steps',
  status: 'success',
  exitCode: 0,
  allowedFailure: false,
  durationMs: 1200,
  reused: false,
  savedMs: 0,
  ...more,
});

export const log = (
  job: string,
  step: number,
  text: string | Uint8Array,
  stream: 'stdout' | 'stderr' = 'stdout',
): RunEvent => ({
  type: 'log',
  job,
  step,
  stream,
  chunk: Buffer.from(text),
});

export const jobFinished = (
  job: string,
  result: Partial<JobResult> = {},
  more: Partial<JobFinished> = {},
): JobFinished => ({
  type: 'job-finished',
  job,
  at: 0,
  durationMs: 12_300,
  attempts: 1,
  result: { status: 'success', 'allowed-failure': false, outputs: {}, artifacts: {}, steps: [], ...result },
  reused: 'none',
  ...more,
});

export function runFinished(status: RunResult['status']): RunFinished {
  const result: RunResult = {
    schema: 1,
    pipeline: 'web',
    platform: 'linux/amd64',
    params: {},
    source: 'sha256:00',
    status,
    jobs: {},
  };
  return { type: 'run-finished', at: 0, durationMs: 64_000, digest: resultDigest(result), result };
}

/** All that a reporter wrote for these events. */
export function textOf(
  create: (write: (bytes: Uint8Array) => void) => Emit,
  events: readonly RunEvent[],
): string {
  const written: Uint8Array[] = [];
  const emit = create((bytes) => void written.push(bytes));
  for (const event of events) void emit(event);
  return Buffer.concat(written).toString('utf8');
}
