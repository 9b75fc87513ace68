// What is known of a finished run → the last lines of a plain log: what failed and where to look, the table, the digest.
import type { Failure } from '../model/failure.ts';
import { instanceFileName } from '../model/instance-name.ts';
import type { Coverage, FailedTest } from '../model/test-report.ts';
import type { Annotation } from '../contract/log-style.ts';
import { failureProblem, testProblem } from './annotations.ts';
import {
  countReuse,
  failedSteps,
  testsOf,
  totalCoverage,
  type JobRecord,
  type RunRecord,
} from './run-record.ts';
import { formatCount, formatDuration, formatNumber, formatShare } from './quantity.ts';
import { jobTable } from './job-table.ts';
import { createPaint, type Paint } from './style.ts';
import { renderTable } from './table.ts';
import type { Told } from './told.ts';
import { visible, visibleLines } from './visible.ts';
import { failureWords, reuseWords, statusStyle } from './wording.ts';

/** How much is shown before "and N more". */
const SHOWN = { jobs: 20, tests: 25, messageLines: 6, failureLines: 60 };
const ALL = { ...SHOWN, jobs: Infinity, tests: Infinity };

/** The last lines of a failed step, safe to show; none where they are the last thing on the screen anyway. */
export type TailOf = (job: string, step: number) => readonly string[];

/** Every problem of a run, those too that its last lines have no room for. */
export const runProblems = (record: RunRecord, tail: TailOf): Annotation[] =>
  renderClosing(record, tail, createPaint(false), ALL).flatMap(({ problem }) => problem ?? []);

/** The last but one is the table of jobs, the last the verdict. */
export function renderClosing(record: RunRecord, tail: TailOf, paint: Paint, shown = SHOWN): Told[] {
  const started = record.started();
  const finished = record.finished();
  if (started === undefined || finished === undefined) return [];
  const jobs = record.jobs();
  const worst = [...jobs.filter(isBad), ...jobs.filter((job) => !isBad(job))];
  const failed = worst.filter(({ end }) => end?.result.status === 'failure');
  const { status } = finished.result;
  return [
    ...failed
      .slice(0, shown.jobs)
      .flatMap((job) =>
        renderFailedJob(job, `${started.directory}/logs/${instanceFileName(job.name)}.log`, tail, paint),
      ),
    ...asTold(andMore(failed.length - shown.jobs, 'failed job')),
    ...renderFailedTests(worst, paint, shown.tests),
    ...asTold(['', ...renderJobs(jobs, paint)]),
    ...asTold([
      '',
      `${paint(statusStyle[status], paint('bold', status))} in ${formatDuration(finished.durationMs)}${tally(jobs)}`,
      ...[reuseWords(countReuse(jobs))].filter((words) => words !== ''),
      ...coverageLine(totalCoverage(jobs)),
      visible(started.directory),
      `result ${finished.digest}`,
    ]),
  ];
}

/** Platforms find the number by these words. */
const coverageLine = (coverage: Coverage | undefined): string[] =>
  coverage === undefined ? [] : [`coverage: ${formatShare(coverage.covered, coverage.lines)} of lines`];

const isBad = (job: JobRecord): boolean => job.end?.result.status === 'failure' && !isAllowed(job);
const isAllowed = ({ end }: JobRecord): boolean => end?.result['allowed-failure'] === true;

const linesOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
const asTold = (lines: readonly string[]): Told[] => (lines.length === 0 ? [] : [{ text: linesOf(lines) }]);

function renderFailedJob(job: JobRecord, log: string, tail: TailOf, paint: Paint): Told[] {
  const { end } = job;
  const steps = failedSteps(job);
  const level = isAllowed(job) ? 'warning' : 'error';
  const label = isAllowed(job) ? paint('yellow', 'failed (allowed):') : paint('red', 'failed:');
  const head = `${label} ${paint('bold', visible(job.name))}`;
  const told = new Set(steps.map(({ failure }) => failure?.message));
  const ofJob = told.has(end?.failure?.message) ? [] : explain(end?.failure);
  const tell = (title: string, words: readonly string[], last: readonly string[]): Told => ({
    text: linesOf(['', ...words, ...last]),
    problem: failureProblem(level, title, words, last),
  });
  if (steps.length === 0)
    return [tell(job.name, [`${head}: ${end?.result.reason ?? 'failure'}`, ...ofJob], [])];
  return steps.map((step, index) => {
    const lines = tail(job.name, step.step);
    const file = `  ${lines.length > 0 ? 'last lines of ' : ''}${visible(log)}${lines.length > 0 ? ':' : ''}`;
    const words = [
      `${head}, ${visible(step.name)}: ${failureWords(step)} after ${formatDuration(step.durationMs)}`,
      ...explain(step.failure),
      ...(index === steps.length - 1 ? ofJob : []),
      paint('dim', file),
    ];
    return tell(
      `${job.name}: ${step.name}`,
      words,
      lines.map((line) => `  ${paint('dim', '|')} ${line}`),
    );
  });
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

function renderFailedTests(jobs: readonly JobRecord[], paint: Paint, most: number): Told[] {
  const seen = new Set<string>();
  return jobs.flatMap((job) => {
    const tests = testsOf(job);
    if (tests === undefined || tests.failed === 0) return [];
    const level = isBad(job) ? 'error' : 'warning';
    const count = `${formatNumber(tests.failed)} of ${formatCount(tests.tests, 'test')} failed:`;
    return [
      ...asTold(['', `${paint('red', count)} ${paint('bold', visible(job.name))}`]),
      ...tests.failures.slice(0, most).map((test) => {
        const text = linesOf(renderTest(test, paint));
        // The same one in every instance of a matrix is one problem.
        const isNew = !seen.has(text);
        seen.add(text);
        return isNew ? { text, problem: testProblem(level, job.name, test) } : { text };
      }),
      ...asTold(andMore(tests.failed - Math.min(most, tests.failures.length), 'failed test')),
    ];
  });
}

function renderTest({ name, message, file, line }: FailedTest, paint: Paint): string[] {
  const place =
    file === undefined ? '' : `${paint('cyan', visible(file) + (line === undefined ? '' : `:${line}`))}  `;
  const lines = visibleLines(message).filter((text) => text.trim() !== '');
  return [`  ${place}${visible(name)}`, ...lines.slice(0, SHOWN.messageLines).map((text) => `      ${text}`)];
}

const andMore = (count: number, noun: string): string[] =>
  count > 0 ? [`  and ${formatCount(count, `more ${noun}`)}: see the summary`] : [];

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
