// What is known of a finished run → the last lines of a plain log: what failed and where to look, the table, the digest.
import type { Failure } from '../model/failure.ts';
import { instanceFileName } from '../model/instance-name.ts';
import { countReuse, failedSteps, testsOf, type JobRecord, type RunRecord } from './run-record.ts';
import { formatCount, formatDuration } from './quantity.ts';
import { jobTable } from './job-table.ts';
import type { Paint } from './style.ts';
import { renderTable } from './table.ts';
import { visible, visibleLines } from './visible.ts';
import { failureWords, reuseWords, statusStyle } from './wording.ts';

/** How much is shown before "and N more". */
const SHOWN = { jobs: 20, tests: 25, messageLines: 6, failureLines: 60 };

/** The last lines of a failed step, safe to show; none where they are the last thing on the screen anyway. */
type TailOf = (job: string, step: number) => readonly string[];

export function renderClosing(record: RunRecord, tail: TailOf, paint: Paint): string[] {
  const started = record.started();
  const finished = record.finished();
  if (started === undefined || finished === undefined) return [];
  const jobs = record.jobs();
  const isAllowed = ({ end }: JobRecord): boolean => end?.result['allowed-failure'] === true;
  const failures = jobs.filter(({ end }) => end?.result.status === 'failure');
  const failed = [...failures.filter((job) => !isAllowed(job)), ...failures.filter(isAllowed)];
  const { status } = finished.result;
  return [
    ...failed
      .slice(0, SHOWN.jobs)
      .flatMap((job) => [
        '',
        ...renderFailedJob(job, `${started.directory}/logs/${instanceFileName(job.name)}.log`, tail, paint),
      ]),
    ...andMore(failed.length - SHOWN.jobs, 'failed job'),
    ...renderFailedTests(jobs, paint),
    '',
    ...renderJobs(jobs, paint),
    '',
    `${paint(statusStyle[status], paint('bold', status))} in ${formatDuration(finished.durationMs)}${tally(jobs)}`,
    ...[reuseWords(countReuse(jobs))].filter((words) => words !== ''),
    visible(started.directory),
    `result ${finished.digest}`,
  ];
}

function renderFailedJob(job: JobRecord, log: string, tail: TailOf, paint: Paint): string[] {
  const { end } = job;
  const steps = failedSteps(job);
  const allowed = end?.result['allowed-failure'] === true;
  const head = `${allowed ? paint('yellow', 'failed (allowed):') : paint('red', 'failed:')} ${paint('bold', visible(job.name))}`;
  const told = new Set(steps.map(({ failure }) => failure?.message));
  return [
    ...steps.flatMap((step) => {
      const lines = tail(job.name, step.step);
      return [
        `${head}, ${visible(step.name)}: ${failureWords(step)} after ${formatDuration(step.durationMs)}`,
        ...explain(step.failure),
        paint(
          'dim',
          `  ${lines.length > 0 ? 'last lines of ' : ''}${visible(log)}${lines.length > 0 ? ':' : ''}`,
        ),
        ...lines.map((line) => `  ${paint('dim', '|')} ${line}`),
      ];
    }),
    ...(steps.length === 0 ? [`${head}: ${end?.result.reason ?? 'failure'}`] : []),
    ...(told.has(end?.failure?.message) ? [] : explain(end?.failure)),
  ];
}

function explain(failure: Failure | undefined): string[] {
  if (failure === undefined) return [];
  const { message, cause, hint } = failure;
  const lines = [message, cause ?? '', hint === undefined ? '' : `hint: ${hint}`].flatMap(visibleLines);
  return lines
    .filter((line) => line !== '')
    .slice(0, SHOWN.failureLines)
    .map((line) => `  ${line}`);
}

function renderFailedTests(jobs: readonly JobRecord[], paint: Paint): string[] {
  const perJob = jobs.flatMap((job) => {
    const tests = testsOf(job);
    return tests === undefined || tests.failed === 0 ? [] : [{ job, tests }];
  });
  return perJob.flatMap(({ job, tests }) => [
    '',
    `${paint('red', `${tests.failed} of ${formatCount(tests.tests, 'test')} failed:`)} ${paint('bold', visible(job.name))}`,
    ...tests.failures.slice(0, SHOWN.tests).flatMap(({ name, message, file, line }) => {
      const place =
        file === undefined
          ? ''
          : `${paint('cyan', visible(file) + (line === undefined ? '' : `:${line}`))}  `;
      const lines = visibleLines(message).filter((text) => text.trim() !== '');
      return [
        `  ${place}${visible(name)}`,
        ...lines.slice(0, SHOWN.messageLines).map((text) => `      ${text}`),
      ];
    }),
    ...andMore(tests.failed - Math.min(SHOWN.tests, tests.failures.length), 'failed test'),
  ]);
}

const andMore = (count: number, noun: string): string[] =>
  count > 0 ? [`  and ${formatCount(count, `more ${noun}`)}`] : [];

function renderJobs(jobs: readonly JobRecord[], paint: Paint): string[] {
  const { columns, rows } = jobTable(jobs);
  const [titles = '', ...lines] = renderTable(
    columns,
    rows.map(({ record, cells }) => {
      const shown = {
        ...cells,
        job: visible(cells.job),
        status: paint(statusStyle[record.end?.result.status ?? 'skipped'], cells.status),
      };
      return columns.map(({ title }) => shown[title]);
    }),
  );
  return [paint('dim', titles), ...lines];
}

/** `: 4 jobs, 1 failed, 1 skipped`. */
function tally(jobs: readonly JobRecord[]): string {
  const results = jobs.flatMap(({ end }) => end?.result ?? []);
  const count = (status: string, allowed: boolean): number =>
    results.filter((result) => result.status === status && result['allowed-failure'] === allowed).length;
  const parts = [
    [count('failure', false), 'failed'],
    [count('failure', true), 'allowed to fail'],
    [results.filter(({ status }) => status === 'cancelled').length, 'cancelled'],
    [results.filter(({ status }) => status === 'skipped').length, 'skipped'],
  ] as const;
  const told = parts.filter(([number]) => number > 0).map(([number, word]) => `${number} ${word}`);
  return `: ${formatCount(results.length, 'job')}${told.length === 0 ? '' : `, ${told.join(', ')}`}`;
}
