// Statuses, steps, tests → the words that every reporter uses for them.
import type { StepFinished } from '../model/event.ts';
import type { JobResult, JobStatus, RunStatus, StepStatus } from '../model/result.ts';
import type { Coverage, TestReport } from '../model/test-report.ts';
import { formatCount, formatDuration, formatShare } from './quantity.ts';
import type { ReuseCount } from './run-record.ts';
import type { Style } from './style.ts';

export const statusStyle: Readonly<Record<JobStatus | StepStatus | RunStatus, Style>> = {
  success: 'green',
  failure: 'red',
  timeout: 'red',
  cancelled: 'yellow',
  skipped: 'dim',
};

/** Where there is no colour. */
export function statusIcon(status: JobStatus | RunStatus, allowed: boolean): string {
  switch (status) {
    case 'success':
      return '✅';
    case 'failure':
      return allowed ? '⚠️' : '❌';
    case 'cancelled':
      return '🚫';
    case 'skipped':
      return '⏭️';
  }
}

/** `failure (allowed)`, `skipped (condition)`; a reason that only repeats the status is left out. */
export function jobWords(job: JobResult): string {
  const reason = job.reason === 'step-failed' || job.reason === job.status ? undefined : job.reason;
  const notes = [reason, job['allowed-failure'] ? 'allowed' : undefined].filter((note) => note !== undefined);
  return notes.length === 0 ? job.status : `${job.status} (${notes.join(', ')})`;
}

/** `success`, `failure (exit 1, allowed)`. */
export function stepWords(step: StepFinished): string {
  const notes = [
    ...(step.exitCode === undefined || step.exitCode === 0 ? [] : [`exit ${step.exitCode}`]),
    ...(step.allowedFailure ? ['allowed'] : []),
  ];
  return notes.length === 0 ? step.status : `${step.status} (${notes.join(', ')})`;
}

/** `reused 14 of 16 steps, saved 3m 12s`; nothing where nothing was. */
export const reuseWords = ({ reused, steps, savedMs }: ReuseCount): string =>
  reused === 0
    ? ''
    : `reused ${reused === steps ? (steps === 1 ? 'the step' : `all ${steps} steps`) : `${reused} of ${steps} steps`}, saved ${formatDuration(savedMs)}`;

/** `exit 1`, `timeout`. */
export const failureWords = ({ status, exitCode }: StepFinished): string =>
  exitCode === undefined || exitCode === 0 ? status : `exit ${exitCode}`;

/** `2 of 135 failed`, `134 passed, 1 skipped`. */
export function testWords({ tests, failed, skipped }: TestReport): string {
  const passed = failed > 0 ? `${failed} of ${tests} failed` : `${tests - skipped} passed`;
  return skipped > 0 ? `${passed}, ${skipped} skipped` : passed;
}

export const coverageWords = ({ covered, lines }: Coverage): string =>
  `${formatShare(covered, lines)} of ${formatCount(lines, 'line')}`;
