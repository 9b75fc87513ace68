// What is known of a run → its Markdown summary, for a platform's job summary.
import { closeMarkdown, closingBytes, cutMarkdown } from './markdown-cut.ts';
import { codeSpan, escapeMarkdown } from './markdown.ts';
import { formatBytes, formatDuration, formatNumber } from './quantity.ts';
import { countReuse, type JobRecord, type RunRecord } from './run-record.ts';
import {
  renderArtifacts,
  renderCoverage,
  renderFailures,
  renderJobs,
  renderTests,
  type ReadLog,
} from './summary-parts.ts';
import { visible } from './visible.ts';
import { fit } from './width.ts';
import { reuseWords, statusIcon } from './wording.ts';

export interface SummaryLimit {
  readonly bytes: number;
  /** Markdown: where the whole is, e.g. a link. */
  readonly whole: string;
}

/**
 * After `run-finished`; before it, what is known so far. Without a limit the steps' own summaries are whole; with one they
 * share what the rest leaves, the short ones whole. They come last, so what one of them spoils is none of ours.
 */
export function renderSummary(record: RunRecord, readLog: ReadLog, limit?: SummaryLimit): string {
  const jobs = record.jobs();
  const own = [
    ...renderHead(record, jobs),
    ...renderJobs(jobs),
    ...renderFailures(jobs, readLog),
    ...renderTests(jobs),
    ...renderCoverage(jobs),
    ...renderArtifacts(jobs),
  ].join('\n\n');
  const all = jobs.flatMap(stepSummaries);
  const room = limit === undefined ? Infinity : limit.bytes - Buffer.byteLength(own) - noteBytes;
  const share = shareOf(all.map(bytesOf), room);
  const cut = all.filter((summary) => bytesOf(summary) > share).length;
  const note =
    cut === 0 || limit === undefined
      ? []
      : [
          `**Cut:** ${formatNumber(cut)} of ${formatNumber(all.length)} step summaries, to ${formatBytes(Math.max(0, share))} each. The whole: ${limit.whole}`,
        ];
  return `${[own, ...note, ...all.map((summary) => renderStep(summary, share))].join('\n\n')}\n`;
}

const titleColumns = 200;
/** For what is said of a cut. */
const noteBytes = 4096;

function renderHead(record: RunRecord, jobs: readonly JobRecord[]): string[] {
  const title = escapeMarkdown(fit(visible(record.started()?.title ?? ''), titleColumns));
  const finished = record.finished();
  if (finished === undefined) return [`## ${title}: running`];
  const { status } = finished.result;
  const words = [
    `In ${formatDuration(finished.durationMs)}`,
    reuseWords(countReuse(jobs)),
    `result \`${finished.digest}\``,
  ];
  return [
    `## ${statusIcon(status, false)} ${title}: ${status}`,
    words.filter((word) => word !== '').join(', '),
  ];
}

interface StepSummary {
  readonly title: string;
  readonly markdown: string;
}

/** In the order of the plan. */
const stepSummaries = ({ name, steps, summaries }: JobRecord): StepSummary[] =>
  [...summaries]
    .sort(([a], [b]) => a - b)
    .map(([at, markdown]) => ({
      title:
        `---\n\n${codeSpan(name)} ${escapeMarkdown(fit(visible(steps.get(at)?.name ?? ''), titleColumns))}`.trimEnd(),
      markdown: markdown.trimEnd(),
    }));

/** Between two of them, and what tells of a cut. */
const betweenBytes = 20;

/** With its title, and what closes it. */
const bytesOf = ({ title, markdown }: StepSummary): number =>
  Buffer.byteLength(title) + Buffer.byteLength(markdown) + closingBytes + betweenBytes;

function renderStep(summary: StepSummary, share: number): string {
  const { title, markdown } = summary;
  if (bytesOf(summary) <= share) return `${title}\n\n${closeMarkdown(markdown)}`;
  const kept = cutMarkdown(markdown, share - bytesOf({ title, markdown: '' }));
  return kept === '' ? '' : `${title}\n\n${kept}\n\n*cut*`;
}

/** The most that each may take, so that all fit: what short ones leave is for the long ones. */
function shareOf(sizes: readonly number[], room: number): number {
  let left = room;
  const ascending = sizes.toSorted((a, b) => a - b);
  for (const [at, size] of ascending.entries()) {
    const share = left / (ascending.length - at);
    if (size > share) return Math.floor(share);
    left -= size;
  }
  return Infinity;
}
