// RunEvents → what a closing summary needs of each job: its end, its steps, its reports. Only the last attempt counts.
import type {
  ArtifactPublished,
  ArtifactStored,
  JobFinished,
  ReportStored,
  RunEvent,
  RunFinished,
  RunStarted,
  StepFinished,
} from '../model/event.ts';
import { instanceJob } from '../model/instance-name.ts';
import type { Coverage, TestReport } from '../model/test-report.ts';
import type { RecordedLog } from './events-file.ts';

/** Bytes of a job's log. */
export interface LogRange {
  readonly from: number;
  readonly to: number;
}

export interface JobRecord {
  readonly name: string;
  /** By the step's place in the job. */
  readonly steps: Map<number, StepFinished>;
  readonly summaries: Map<number, string>;
  /** By step. */
  readonly logs: Map<number, LogRange>;
  /** By name. */
  readonly artifacts: Map<
    string,
    { readonly stored: ArtifactStored; readonly published?: ArtifactPublished }
  >;
  reports: ReportStored[];
  /** Bytes of the whole log, of all attempts. */
  logged: number;
  end?: JobFinished;
}

export interface RunRecord {
  readonly take: (event: RunEvent | RecordedLog) => void;
  readonly started: () => RunStarted | undefined;
  readonly finished: () => RunFinished | undefined;
  /** Jobs that something was heard of, in plan order; instances of a matrix only known later stand where its bare name did. */
  readonly jobs: () => readonly JobRecord[];
}

export function createRunRecord(): RunRecord {
  const jobs = new Map<string, JobRecord>();
  let started: RunStarted | undefined;
  let finished: RunFinished | undefined;
  const of = (name: string): JobRecord => {
    const known = jobs.get(name);
    if (known !== undefined) return known;
    const maps = { steps: new Map(), summaries: new Map(), logs: new Map(), artifacts: new Map() };
    const job: JobRecord = { name, ...maps, reports: [], logged: 0 };
    jobs.set(name, job);
    return job;
  };
  const take: RunRecord['take'] = (event) => {
    switch (event.type) {
      case 'run-started':
        started = event;
        break;
      case 'job-started': {
        const job = of(event.job);
        for (const map of [job.steps, job.summaries, job.logs, job.artifacts]) map.clear();
        job.reports = [];
        break;
      }
      case 'step-summary': {
        const { summaries } = of(event.job);
        summaries.set(event.step, (summaries.get(event.step) ?? '') + event.markdown);
        break;
      }
      case 'log': {
        const job = of(event.job);
        const [from, bytes] =
          'chunk' in event ? [job.logged, event.chunk.byteLength] : [event.offset, event.bytes];
        job.logged = from + bytes;
        job.logs.set(event.step, { from: job.logs.get(event.step)?.from ?? from, to: job.logged });
        break;
      }
      case 'artifact-stored':
        of(event.job).artifacts.set(event.name, { stored: event });
        break;
      case 'artifact-published': {
        const { artifacts } = of(event.job);
        const known = artifacts.get(event.name);
        if (known) artifacts.set(event.name, { ...known, published: event });
        break;
      }
      case 'step-finished':
        of(event.job).steps.set(event.step, event);
        break;
      case 'report-stored':
        of(event.job).reports.push(event);
        break;
      case 'job-finished':
        of(event.job).end = event;
        break;
      case 'run-finished':
        finished = event;
        break;
      case 'notice':
      case 'job-retrying':
      case 'service-ready':
      case 'step-started':
      case 'run-cancelling':
        break;
    }
  };
  const inOrder = (): JobRecord[] => {
    const planned = started?.jobs ?? [];
    const place = (name: string): number => {
      const exact = planned.indexOf(name);
      const at = exact < 0 ? planned.indexOf(instanceJob(name)) : exact;
      return at < 0 ? planned.length : at;
    };
    return [...jobs.values()]
      .map((job) => ({ job, at: place(job.name) }))
      .sort((a, b) => a.at - b.at)
      .map(({ job }) => job);
  };
  return { take, started: () => started, finished: () => finished, jobs: inOrder };
}

/** Steps whose failure or timeout fails the job. */
export const failedSteps = (job: JobRecord): StepFinished[] =>
  [...job.steps.values()].filter(
    ({ status, allowedFailure }) => (status === 'failure' || status === 'timeout') && !allowedFailure,
  );

export interface ReuseCount {
  readonly reused: number;
  /** Steps that ran or were answered from a record. */
  readonly steps: number;
  readonly savedMs: number;
}

export function countReuse(jobs: readonly JobRecord[]): ReuseCount {
  const steps = jobs.flatMap((job) => [...job.steps.values()].filter(({ status }) => status !== 'skipped'));
  const reused = steps.filter((step) => step.reused);
  const savedMs = reused.reduce((total, step) => total + step.savedMs, 0);
  return { reused: reused.length, steps: steps.length, savedMs };
}

/** All test reports of a job as one. */
export function testsOf(job: JobRecord): TestReport | undefined {
  const reports = job.reports.flatMap(({ tests }) => tests ?? []);
  if (reports.length === 0) return undefined;
  const sum = (pick: (report: TestReport) => number): number =>
    reports.reduce((total, report) => total + pick(report), 0);
  return {
    tests: sum(({ tests }) => tests),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
    durationMs: sum(({ durationMs }) => durationMs),
    failures: reports.flatMap(({ failures }) => failures),
  };
}

/** Of all reports of all jobs; undefined where none counts a line. */
export function totalCoverage(jobs: readonly JobRecord[]): Coverage | undefined {
  const parts = jobs.flatMap(({ reports }) => reports.flatMap(({ coverage }) => coverage ?? []));
  const sum = (key: keyof Coverage): number => parts.reduce((total, part) => total + part[key], 0);
  const lines = sum('lines');
  return lines === 0 ? undefined : { covered: sum('covered'), lines };
}

export function coverageOf(job: JobRecord): Coverage | undefined {
  const parts = job.reports.flatMap(({ coverage }) => coverage ?? []);
  // Cobertura and lcov files of one job tell of the same lines, so the first speaks.
  return parts[0];
}
