// How one attempt at a job instance came out, whether it ran, was answered from records, or never started.
import type { Reused } from '../src/model/event.ts';
import type { Failure } from '../src/model/failure.ts';
import type { JobReason, JobResult } from '../src/model/result.ts';
import type { StoredReport } from './collect.ts';
import type { StoredArtifact } from './finished-job.ts';
import type { JobInstance } from './resolve-job.ts';
import { isAllowed, notRun, type StepFinish } from './run-step.ts';

export interface JobAttempt {
  readonly result: JobResult;
  readonly artifacts: readonly StoredArtifact[];
  readonly reports: readonly StoredReport[];
  /** Of each step in the result, in its order. */
  readonly steps: readonly StepFinish[];
  readonly reused: Reused;
  readonly failure?: Failure;
}

/** The result of an instance none of whose steps started. */
export function withoutSteps(
  instance: JobInstance,
  status: JobResult['status'],
  reason: JobReason,
  failure?: Failure,
): JobAttempt {
  const { job } = instance;
  const steps = [...job.steps, ...job.finally].map(({ name }) => notRun(name));
  return {
    result: {
      status,
      'allowed-failure': status === 'failure' && isAllowed(job.allowFailure, undefined),
      reason,
      outputs: {},
      artifacts: {},
      steps: steps.map(({ result }) => result),
    },
    artifacts: [],
    reports: [],
    steps,
    reused: 'none',
    ...(failure && { failure }),
  };
}
