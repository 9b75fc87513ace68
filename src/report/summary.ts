// RunEvents → the Markdown summary of a run, for a platform's job summary.
import type { Emit } from '../model/event.ts';
import { jobTable } from './job-table.ts';
import { codeSpan, escapeMarkdown } from './markdown.ts';
import { formatCount, formatDuration } from './quantity.ts';
import { countReuse, createRunRecord, failedSteps, testsOf, type JobRecord } from './run-record.ts';
import { visibleLines } from './visible.ts';
import { fit } from './width.ts';
import { reuseWords, stepWords } from './wording.ts';

/** GitHub refuses a summary over 1 MiB; ours without the steps' own stays far below the rest of it. */
const BYTES_OF_STEPS = 800 * 1024;
const SHOWN = { jobs: 300, steps: 50, tests: 50, messageColumns: 300 };

/** `markdown` is for after `run-finished`; before it, it is what is known so far. */
export function createSummary(): { readonly emit: Emit; readonly markdown: () => string } {
  const record = createRunRecord();
  const markdown = (): string => {
    const jobs = record.jobs();
    const finished = record.finished();
    const title = escapeMarkdown(record.started()?.title ?? '');
    return (
      [
        `## ${title}: ${finished?.result.status ?? 'running'}`,
        ...(finished === undefined
          ? []
          : [
              [
                `In ${formatDuration(finished.durationMs)}`,
                reuseWords(countReuse(jobs)),
                `result \`${finished.digest}\``,
              ]
                .filter((words) => words !== '')
                .join(', '),
            ]),
        renderJobs(jobs),
        ...section('Failed steps', bounded(jobs.flatMap(stepItems), SHOWN.steps)),
        ...section('Failed tests', bounded(jobs.flatMap(testItems), SHOWN.tests)),
        ...stepSummaries(jobs),
      ].join('\n\n') + '\n'
    );
  };
  return { emit: record.take, markdown };
}

function renderJobs(jobs: readonly JobRecord[]): string {
  const { columns, rows } = jobTable(jobs);
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const more = rows.length > SHOWN.jobs ? [`\nand ${formatCount(rows.length - SHOWN.jobs, 'more job')}`] : [];
  return [
    line(columns.map(({ title }) => title)),
    line(columns.map(({ align }) => (align === 'right' ? '---:' : '---'))),
    ...rows
      .slice(0, SHOWN.jobs)
      .map(({ cells }) =>
        line(columns.map(({ title }) => (title === 'job' ? codeSpan(cells.job) : cells[title]))),
      ),
    ...more,
  ].join('\n');
}

function stepItems(job: JobRecord): string[] {
  const steps = failedSteps(job);
  const reason = (message: string | undefined): string =>
    message === undefined ? '' : `: ${oneLine(message)}`;
  if (steps.length === 0 && job.end?.result.status === 'failure') {
    return [
      `- ${codeSpan(job.name)} ${job.end.result.reason ?? 'failure'}${reason(job.end.failure?.message)}`,
    ];
  }
  return steps.map(
    (step) =>
      `- ${codeSpan(job.name)} step ${codeSpan(step.name)} ${stepWords(step)}${reason(step.failure?.message)}`,
  );
}

function testItems(job: JobRecord): string[] {
  const tests = testsOf(job);
  return (tests?.failures ?? []).map(({ name, message, file, line }) => {
    const place = file === undefined ? '' : ` at ${codeSpan(line === undefined ? file : `${file}:${line}`)}`;
    return `- ${codeSpan(job.name)} **${escapeMarkdown(name)}**${place}: ${oneLine(message)}`;
  });
}

const oneLine = (text: string): string =>
  escapeMarkdown(
    fit(
      visibleLines(text)
        .filter((line) => line.trim() !== '')
        .join(' '),
      SHOWN.messageColumns,
    ),
  );

const bounded = (items: readonly string[], most: number): string[] =>
  items.length <= most ? [...items] : [...items.slice(0, most), `- and ${items.length - most} more`];

const section = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [`### ${title}`, items.join('\n')];

/** As the steps wrote them, in the order of the plan, and last: one that opens a fence and leaves it open spoils nothing of ours. */
function stepSummaries(jobs: readonly JobRecord[]): string[] {
  const all = jobs.flatMap(({ summaries }) =>
    [...summaries].sort(([a], [b]) => a - b).map(([, markdown]) => markdown),
  );
  const kept: string[] = [];
  let room = BYTES_OF_STEPS;
  for (const markdown of all) {
    room -= Buffer.byteLength(markdown);
    if (room < 0) break;
    kept.push(markdown.trimEnd());
  }
  const left = all.length - kept.length;
  return left === 0
    ? kept
    : [...kept, `${formatCount(left, 'step summary').replace(/ys$/, 'ies')} left out: too long`];
}
