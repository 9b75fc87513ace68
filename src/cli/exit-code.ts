// A result → the exit code of the command.
import type { RunResult } from '../model/result.ts';

/** 3 when the environment is to blame for every failure that is not allowed; `allowedFailure` when only allowed ones were. */
export function resultExitCode(result: RunResult, allowedFailure = 0): number {
  const jobs = Object.values(result.jobs);
  switch (result.status) {
    case 'cancelled':
      return 1;
    case 'failure': {
      const failures = jobs.filter((job) => job.status === 'failure' && !job['allowed-failure']);
      return failures.every(({ reason }) => reason === 'environment') ? 3 : 1;
    }
    case 'success':
      return jobs.some((job) => job['allowed-failure']) ? allowedFailure : 0;
  }
}
