// Everything a reporter may know of a run, as it happens. One union; a reporter switches over it exhaustively.
import type { Failure } from './failure.ts';
import type { JobResult, RunResult, StepStatus } from './result.ts';
import type { Coverage, TestReport } from './test-report.ts';

export type LogStream = 'stdout' | 'stderr';

/** How much of a job was answered from records. */
export type Reused = 'all' | 'prefix' | 'none';

/** Which step of a job instance: its place in the job's list, `finally` steps after the others. */
export interface StepRef {
  /** Instance name, e.g. `test[node=22]`. */
  readonly job: string;
  readonly step: number;
}

export type RunEvent =
  | RunStarted
  | Notice
  | JobStarted
  | JobRetrying
  | JobFinished
  | ServiceReady
  | StepStarted
  | Log
  | StepSummary
  | StepFinished
  | ArtifactStored
  | ArtifactPublished
  | ReportStored
  | RunCancelling
  | RunFinished;

export interface RunStarted {
  readonly type: 'run-started';
  readonly schema: 1;
  readonly id: string;
  /** Milliseconds since the epoch, as every `at`. */
  readonly at: number;
  /** `name` of the pipeline, else the folder's name. */
  readonly title: string;
  /** The run folder, relative to the source root. */
  readonly directory: string;
  /** Instances in plan order; a job whose matrix is not known yet stands under its bare name. */
  readonly jobs: readonly string[];
  readonly parallel: number;
  /** Null: not connected yet, since maybe nothing must run. */
  readonly engine: string | null;
}

export interface Notice {
  readonly type: 'notice';
  readonly level: 'info' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly job?: string;
}

export interface JobStarted {
  readonly type: 'job-started';
  readonly job: string;
  readonly at: number;
  /** From 1. */
  readonly attempt: number;
  readonly image: string;
  readonly steps: readonly string[];
  /** `all`: no container starts. `prefix`: the first steps are answered from records. */
  readonly reused: Reused;
}

export interface JobRetrying {
  readonly type: 'job-retrying';
  readonly job: string;
  /** The attempt that failed, from 1, and the reason it gave. */
  readonly attempt: number;
  readonly reason: string;
  readonly delayMs: number;
}

export interface JobFinished {
  readonly type: 'job-finished';
  readonly job: string;
  readonly at: number;
  readonly durationMs: number;
  readonly attempts: number;
  readonly result: JobResult;
  readonly reused: Reused;
  /** What to show beside the reason. */
  readonly failure?: Failure;
}

export interface ServiceReady {
  readonly type: 'service-ready';
  readonly job: string;
  readonly service: string;
  readonly durationMs: number;
}

export interface StepStarted extends StepRef {
  readonly type: 'step-started';
  readonly at: number;
  readonly name: string;
  readonly phase: 'steps' | 'finally';
  /** From 1. */
  readonly attempt: number;
  /** Answered from a record: what follows is what was recorded. */
  readonly reused: boolean;
}

/** Bytes as the step wrote them (already masked); the same bytes lie in `logs/JOB.log`. */
export interface Log extends StepRef {
  readonly type: 'log';
  readonly stream: LogStream;
  readonly chunk: Uint8Array;
}

export interface StepSummary extends StepRef {
  readonly type: 'step-summary';
  readonly markdown: string;
}

export interface StepFinished extends StepRef {
  readonly type: 'step-finished';
  readonly at: number;
  readonly name: string;
  readonly phase: 'steps' | 'finally';
  readonly status: StepStatus;
  readonly exitCode?: number;
  /** The step failed and `allow-failure` lets it. */
  readonly allowedFailure: boolean;
  readonly durationMs: number;
  readonly reused: boolean;
  /** Of a reused step: what it took when it ran. */
  readonly savedMs: number;
  /** Why, beyond the exit code: out of memory, time out, a bad output line. */
  readonly failure?: Failure;
}

export interface ArtifactStored {
  readonly type: 'artifact-stored';
  readonly job: string;
  readonly name: string;
  readonly digest: string;
  readonly files: number;
  readonly bytes: number;
  /** Relative to the source root. */
  readonly path: string;
}

/** The platform has it too; comes after `artifact-stored`, maybe after its job ended. */
export interface ArtifactPublished {
  readonly type: 'artifact-published';
  readonly job: string;
  readonly name: string;
  /** Its name there. */
  readonly as: string;
  /** Where people find it, if the platform says so. */
  readonly url?: string;
}

export type ReportKind = 'junit' | 'cobertura' | 'lcov' | 'sarif';

export interface ReportStored {
  readonly type: 'report-stored';
  readonly job: string;
  readonly kind: ReportKind;
  /** Relative to the workspace. */
  readonly files: readonly string[];
  /** The folder that holds them, relative to the source root. */
  readonly path: string;
  readonly tests?: TestReport;
  readonly coverage?: Coverage;
}

export interface RunCancelling {
  readonly type: 'run-cancelling';
  readonly at: number;
  readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP';
  /** The second signal: nothing is waited for any more. */
  readonly atOnce: boolean;
}

export interface RunFinished {
  readonly type: 'run-finished';
  readonly at: number;
  readonly durationMs: number;
  readonly digest: string;
  readonly result: RunResult;
}

/** Takes events in order. A promise asks the sender to wait: that is how a slow disk or terminal slows a log down. */
export type Emit = (event: RunEvent) => void | Promise<void>;
