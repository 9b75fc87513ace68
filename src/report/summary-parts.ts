// Records of jobs → the parts of a run's Markdown summary, each bounded in bytes whatever it is made of.
import type { StepFinished } from '../model/event.ts';
import type { FailedTest } from '../model/test-report.ts';
import { jobTable } from './job-table.ts';
import { lastLinesOf } from './log-tail.ts';
import { codeSpan, escapeMarkdown } from './markdown.ts';
import { formatBytes, formatCount, formatDuration, formatNumber, formatShare } from './quantity.ts';
import { failedSteps, testsOf, totalCoverage, type JobRecord, type LogRange } from './run-record.ts';
import { visible, visibleLines } from './visible.ts';
import { fit } from './width.ts';
import { failureWords, statusIcon } from './wording.ts';

/** Bytes of a part. Together with the rest of the page they leave a third of 1 MiB to the steps' own summaries. */
const room = { jobs: 150_000, failures: 250_000, tests: 150_000, coverage: 50_000, artifacts: 50_000 };
/** How many are seen without opening anything. */
const openFailures = 3;
const openTests = 10;
const messageColumns = 300;
const linesOfReason = 60;

/** The end of a range of a job's log, in bytes; empty where there is none any more. */
export type ReadLog = (job: string, range: LogRange) => Uint8Array;

export function renderJobs(jobs: readonly JobRecord[]): string[] {
  const { columns, rows } = jobTable(jobs);
  if (rows.length === 0) return [];
  const lines = rows.map(({ record, cells }) => {
    const { result } = record.end ?? {};
    const icon = result === undefined ? '' : `${statusIcon(result.status, result['allowed-failure'])} `;
    const shown = { ...cells, job: codeSpan(cells.job), status: `${icon}${cells.status}` };
    return tableLine(columns.map(({ title }) => shown[title]));
  });
  return table(columns, lines, room.jobs, 'more job');
}

/** Each failed step with the last lines of its log; jobs that failed without one. */
export function renderFailures(jobs: readonly JobRecord[], readLog: ReadLog): string[] {
  const items = jobs
    .filter(({ end }) => end?.result.status === 'failure')
    .flatMap((job): { job: JobRecord; step?: StepFinished }[] => {
      const steps = failedSteps(job);
      return steps.length === 0 ? [{ job }] : steps.map((step) => ({ job, step }));
    });
  const { kept, left } = fill(items, room.failures, ({ job, step }, index) => {
    const head = `<code>${escapeMarkdown(job.name)}</code>${failureHead(job, step)}`;
    const range = step && job.logs.get(step.step);
    const why = step?.failure?.message ?? job.end?.failure?.message;
    const lines = [
      ...(range === undefined ? [] : lastLinesOf(readLog(job.name, range))),
      ...(why === undefined ? [] : visibleLines(why).slice(0, linesOfReason)),
    ];
    if (lines.length === 0) return head;
    const open = index < openFailures ? ' open' : '';
    return `<details${open}><summary>${head}</summary>\n\n${codeBlock(lines)}\n\n</details>`;
  });
  return section('What failed', [...kept, ...more(left, 'more')]);
}

function failureHead({ end }: JobRecord, step: StepFinished | undefined): string {
  const words =
    step === undefined
      ? `: ${end?.result.reason ?? 'failure'}`
      : `, ${escapeMarkdown(fit(visible(step.name), messageColumns))}: ${failureWords(step)} after ${formatDuration(step.durationMs)}`;
  return end?.result['allowed-failure'] ? `${words} (allowed)` : words;
}

/** Whatever fences the lines have, this one is longer. */
function codeBlock(lines: readonly string[]): string {
  const text = lines.join('\n');
  let longest = 2;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}

/** The same test of several jobs, as of all instances of a matrix, is one. */
export function renderTests(jobs: readonly JobRecord[]): string[] {
  const failed = jobs.flatMap((job) =>
    (testsOf(job)?.failures ?? []).map((test) => ({ job: job.name, test })),
  );
  const groups = [...Map.groupBy(failed, ({ test }) => JSON.stringify(test)).values()];
  const { kept } = fill(groups, room.tests, (group) =>
    testItem(
      group.map(({ job }) => job),
      group[0]?.test,
    ),
  );
  const shown = groups.slice(0, kept.length).reduce((sum, group) => sum + group.length, 0);
  const all = jobs.reduce((sum, job) => sum + (testsOf(job)?.failed ?? 0), 0);
  const folded = kept.slice(openTests);
  return section('Failed tests', [
    ...(kept.length === 0 ? [] : [kept.slice(0, openTests).join('\n')]),
    ...(folded.length === 0
      ? []
      : [`<details><summary>${formatNumber(folded.length)} more</summary>`, folded.join('\n'), '</details>']),
    ...more(all - shown, 'more', ': all are in the reports'),
  ]);
}

function testItem(jobs: readonly string[], test: FailedTest | undefined): string {
  if (test === undefined) return '';
  const { name, message, file, line } = test;
  const place = file === undefined ? '' : ` at ${codeSpan(line === undefined ? file : `${file}:${line}`)}`;
  const [first = '', ...others] = jobs;
  const also = others.length === 0 ? '' : ` and ${others.length} more`;
  return `- **${escapeMarkdown(fit(visible(name), messageColumns))}**${place} (${codeSpan(first)}${also}): ${oneLine(message)}`;
}

const oneLine = (text: string): string =>
  escapeMarkdown(
    fit(
      visibleLines(text)
        .filter((line) => line.trim() !== '')
        .join(' '),
      messageColumns,
    ),
  );

/** A line for each report, and one for all of them. */
export function renderCoverage(jobs: readonly JobRecord[]): string[] {
  const found = jobs.flatMap(({ name, reports }) =>
    reports.flatMap(({ files, coverage }) => (coverage === undefined ? [] : [{ name, files, coverage }])),
  );
  if (found.length === 0) return [];
  const columns = [{ title: 'job' }, { title: 'report' }, ...['lines', 'covered', 'share'].map(toTheRight)];
  const counts = (covered: number, lines: number): string[] => [
    ...[lines, covered].map(formatNumber),
    formatShare(covered, lines),
  ];
  const rows = found.map(({ name, files, coverage }) => {
    const [file = ''] = files;
    const others = files.length > 1 ? ` and ${files.length - 1} more` : '';
    return tableLine([
      codeSpan(name),
      `${codeSpan(file)}${others}`,
      ...counts(coverage.covered, coverage.lines),
    ]);
  });
  const total = totalCoverage(jobs) ?? { covered: 0, lines: 0 };
  const all = found.length > 1 ? [tableLine(['**all**', '', ...counts(total.covered, total.lines)])] : [];
  return section('Coverage', table(columns, [...all, ...rows], room.coverage, 'more report'));
}

/** Where each can be downloaded, or lies. */
export function renderArtifacts(jobs: readonly JobRecord[]): string[] {
  const rows = jobs.flatMap(({ name, artifacts }) =>
    [...artifacts.values()].map(({ stored, published }) => {
      const where =
        published?.url !== undefined
          ? `[${escapeMarkdown(published.as)}](<${escapeUrl(published.url)}>)`
          : codeSpan(published?.as ?? stored.path);
      return tableLine([
        codeSpan(name),
        codeSpan(stored.name),
        formatNumber(stored.files),
        formatBytes(stored.bytes),
        where,
      ]);
    }),
  );
  if (rows.length === 0) return [];
  const columns = [
    { title: 'job' },
    { title: 'artifact' },
    ...['files', 'size'].map(toTheRight),
    { title: 'where' },
  ];
  return section('Artifacts', table(columns, rows, room.artifacts, 'more artifact'));
}

const escapeUrl = (url: string): string => url.replace(/[\s<>|\\]/g, encodeURIComponent);

interface MarkdownColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}
const toTheRight = (title: string): MarkdownColumn => ({ title, align: 'right' });

const tableLine = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;

function table(
  columns: readonly MarkdownColumn[],
  rows: readonly string[],
  bytes: number,
  noun: string,
): string[] {
  const { kept, left } = fill(rows, bytes, (row) => row);
  const head = [
    tableLine(columns.map(({ title }) => title)),
    tableLine(columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
  ];
  return [[...head, ...kept].join('\n'), ...(left > 0 ? [`and ${formatCount(left, noun)}`] : [])];
}

/** The first ones that there is room for, and how many there is none for; those are not rendered. */
function fill<T>(items: readonly T[], bytes: number, render: (item: T, index: number) => string) {
  const kept: string[] = [];
  let left = bytes;
  for (const [index, item] of items.entries()) {
    const text = render(item, index);
    left -= Buffer.byteLength(text) + 2;
    if (left < 0) break;
    kept.push(text);
  }
  return { kept, left: items.length - kept.length };
}

const more = (count: number, noun: string, end = ''): string[] =>
  count > 0 ? [`and ${formatNumber(count)} ${noun}${end}`] : [];

const section = (title: string, parts: readonly string[]): string[] =>
  parts.length === 0 ? [] : [`### ${title}`, ...parts];
