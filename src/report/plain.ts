// RunEvents → lines for people: `|` before what a step wrote, `>` before what we say, the job's name before both.
import type { Emit, RunEvent } from '../model/event.ts';
import type { Failure } from '../model/failure.ts';
import { allowedStepProblem, noticeProblem } from './annotations.ts';
import { renderClosing } from './closing.ts';
import { createJobLogs } from './job-logs.ts';
import { toByteText, type ByteText } from './log-lines.ts';
import { formatBytes, formatCount, formatDuration } from './quantity.ts';
import { countReuse, createRunRecord } from './run-record.ts';
import { createPaint, type Style } from './style.ts';
import { textOf, type Told } from './told.ts';
import { visible, visibleLines } from './visible.ts';
import { fit, pad, textWidth } from './width.ts';
import { coverageWords, jobWords, reuseWords, statusStyle, stepWords, testWords } from './wording.ts';

interface PlainOptions extends LineOptions {
  /** UTF-8, whole lines. One call an event; a promise is handed on to the sender of the event. */
  readonly write: (bytes: Uint8Array) => void | Promise<void>;
}

interface LineOptions {
  readonly color: boolean;
  /** Columns of the terminal, where there is one: long names are cut to it. */
  readonly width?: number;
  /** A step's lines stand in a fold: it says which job they are of, and hides them. */
  readonly folds?: boolean;
}

interface PlainLines {
  /** Whole lines that a step wrote; before what we say. */
  readonly log: ByteText;
  readonly own: readonly Told[];
  /** No other job's lines come in between. */
  readonly alone: boolean;
}

export function createPlainReporter({ write, ...options }: PlainOptions): Emit {
  const linesOf = createPlainLines(options);
  return (event) => {
    const { log, own } = linesOf(event);
    if (log === '' && own.length === 0) return undefined;
    return write(Buffer.from(log + toByteText(textOf(own)), 'latin1'));
  };
}

/** Names longer than this are not waited for when names are aligned. */
const WIDEST_NAME = 32;
const jobStyles: readonly Style[] = ['cyan', 'magenta', 'blue', 'yellow', 'green'];

/** With one job in the run its log comes without a prefix. */
export function createPlainLines(options: LineOptions): (event: RunEvent) => PlainLines {
  const { color, width = 120, folds = false } = options;
  const paint = createPaint(color);
  const record = createRunRecord();
  const styles = new Map<string, Style>();
  let alone = false;
  let names = 0;

  const align = (job: string): void => {
    names = Math.max(names, Math.min(WIDEST_NAME, textWidth(visible(job))));
  };
  const prefix = (job: string, mark: '>' | '|'): string => {
    if (mark === '|' && (alone || folds)) return '';
    if (alone) return `${paint('dim', mark)} `;
    if (!styles.has(job)) styles.set(job, jobStyles[styles.size % jobStyles.length] ?? 'cyan');
    align(job);
    return `${paint(styles.get(job) ?? 'cyan', pad(visible(job), names))} ${paint('dim', mark)} `;
  };
  const say = (job: string, line: string, ...more: readonly string[]): string =>
    [line, ...more.map((text) => `  ${text}`)].map((text) => `${prefix(job, '>')}${text}\n`).join('');
  const shortName = (name: string): string => fit(visible(name), Math.max(20, width - names - 30));

  /** Jobs whose log is not shown now: what was recorded has been shown before, and lies in the log file. */
  const folded = new Map<string, 'job' | 'step'>();
  const reuseOf = (job: string): string =>
    reuseWords(countReuse(record.jobs().filter(({ name }) => name === job)));

  const logs = createJobLogs({ color, prefix: (job) => prefix(job, '|') });
  const tail = (job: string, step: number): readonly string[] =>
    alone && !folds && logs.isLast(job, step) ? [] : logs.tail(job, step);

  const logOf = (event: RunEvent): ByteText => {
    if (event.type === 'log') return folded.has(event.job) ? '' : logs.push(event);
    if (event.type === 'step-finished')
      return logs.close(event.job, event.status === 'failure' || event.status === 'timeout');
    const isBetween = event.type === 'step-started' || event.type === 'job-finished';
    return isBetween ? logs.close(event.job, false) : '';
  };

  const render = (event: RunEvent): string | readonly Told[] => {
    switch (event.type) {
      case 'run-started': {
        alone = event.jobs.length === 1;
        event.jobs.forEach(align);
        const parallel = event.jobs.length > 1 ? `, ${event.parallel} at a time` : '';
        const jobs = `${formatCount(event.jobs.length, 'job')}${parallel}`;
        const on = event.engine === null ? '' : `, on ${visible(event.engine)}`;
        return `${paint('bold', visible(event.title))}: ${jobs}${on}\n`;
      }
      case 'notice': {
        const label =
          event.level === 'warning' ? paint('yellow', `warning[${event.code}]`) : paint('dim', 'note');
        const [first = '', ...rest] = visibleLines(event.message);
        const text =
          event.job === undefined
            ? [`${label}: ${first}`, ...rest].join('\n  ') + '\n'
            : say(event.job, `${label}: ${first}`, ...rest);
        return event.level === 'warning' ? [{ text, problem: noticeProblem(event) }] : text;
      }
      case 'job-started': {
        if (event.reused === 'all') {
          folded.set(event.job, 'job');
          return '';
        }
        const again = event.attempt > 1 ? `, attempt ${event.attempt}` : '';
        return say(event.job, `image ${visible(event.image)}${again}`);
      }
      case 'job-retrying': {
        const soon = event.delayMs > 0 ? ` in ${formatDuration(event.delayMs)}` : '';
        const what = `attempt ${event.attempt}: ${visible(event.reason)}, trying again${soon}`;
        return say(event.job, paint('yellow', what));
      }
      case 'service-ready':
        return say(
          event.job,
          `service ${visible(event.service)}: ready after ${formatDuration(event.durationMs)}`,
        );
      case 'step-started': {
        if (event.reused) {
          if (!folded.has(event.job)) folded.set(event.job, 'step');
          return '';
        }
        const notes = [
          ...(event.phase === 'finally' ? ['finally'] : []),
          ...(event.attempt > 1 ? [`attempt ${event.attempt}`] : []),
        ];
        const note = notes.length === 0 ? '' : ` (${notes.join(', ')})`;
        return say(event.job, paint('bold', shortName(event.name)) + note);
      }
      case 'log':
      case 'step-summary':
        return '';
      case 'step-finished': {
        const { job, status, failure } = event;
        if (folded.get(job) === 'job') return '';
        folded.delete(job);
        if (event.reused) {
          const saved = `, saved ${formatDuration(event.savedMs)}`;
          return say(job, `${shortName(event.name)}: ${paint('cyan', 'reused')}${saved}`);
        }
        const time = status === 'skipped' ? '' : ` in ${formatDuration(event.durationMs)}`;
        const words = paint(statusStyle[status], stepWords(event));
        const text = say(job, `${shortName(event.name)}: ${words}${time}`, ...reason(failure));
        return event.allowedFailure ? [{ text, problem: allowedStepProblem(event) }] : text;
      }
      case 'artifact-stored': {
        const size = `${formatCount(event.files, 'file')}, ${formatBytes(event.bytes)}`;
        return say(event.job, `artifact ${visible(event.name)}: ${size}, ${visible(event.path)}`);
      }
      case 'artifact-published':
        return say(
          event.job,
          `artifact ${visible(event.name)}: ${visible(event.url ?? `published as ${event.as}`)}`,
        );
      case 'report-stored': {
        const told = [
          ...(event.tests === undefined ? [] : [testWords(event.tests)]),
          ...(event.coverage === undefined ? [] : [coverageWords(event.coverage)]),
        ];
        const what = told.length === 0 ? formatCount(event.files.length, 'file') : told.join(', ');
        return say(event.job, `report ${event.kind}: ${what}`);
      }
      case 'job-finished': {
        const { job, result, failure } = event;
        folded.delete(job);
        const reused = event.reused === 'all' ? `, ${reuseOf(job)}` : '';
        if (alone && reused === '') return '';
        const time = result.status === 'skipped' ? '' : ` in ${formatDuration(event.durationMs)}`;
        const words = paint(statusStyle[result.status], jobWords(result));
        // Where a step failed, its own line has said why.
        return say(
          job,
          `job ${words}${time}${reused}`,
          ...(result.reason === 'step-failed' ? [] : reason(failure)),
        );
      }
      case 'run-cancelling': {
        const again = event.signal === 'SIGINT' ? '; Ctrl-C again stops at once' : '';
        const how = event.atOnce ? 'stopping at once' : `cancelling, finally steps still run${again}`;
        return `${paint('yellow', `${event.signal}: ${how}`)}\n`;
      }
      case 'run-finished':
        return renderClosing(record, tail, paint);
    }
  };
  return (event) => {
    record.take(event);
    // The instances of a matrix that only the run knew.
    if (event.type === 'job-started' && alone) alone = event.job === record.started()?.jobs[0];
    const log = logOf(event);
    const own = render(event);
    if (typeof own !== 'string') return { log, own, alone };
    return { log, own: own === '' ? [] : [{ text: own }], alone };
  };
}

const reason = (failure: Failure | undefined): string[] =>
  failure === undefined ? [] : visibleLines(failure.message).slice(0, 5);
