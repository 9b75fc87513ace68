// Log events of jobs side by side → whole lines under each job's prefix, and the last lines of the steps that failed.
import type { Log } from '../model/event.ts';
import { createLogLines, toByteText, type ByteText, type LogLines } from './log-lines.ts';
import { lastLines, tailBytes } from './log-tail.ts';

interface OpenStep {
  readonly step: number;
  readonly stdout: LogLines;
  readonly stderr: LogLines;
  tail: ByteText;
}

interface JobLogs {
  readonly push: (event: Log) => ByteText;
  /** The step under way in this job, if any, is over: its unfinished lines. `keep`: its last lines will be asked for. */
  readonly close: (job: string, keep: boolean) => ByteText;
  /** The last lines of a step that was kept, without colour, safe to show. */
  readonly tail: (job: string, step: number) => readonly string[];
  /** Whether nothing was logged after this step. */
  readonly isLast: (job: string, step: number) => boolean;
}

/** `prefix` is put before each line of a job; `''` for none. Memory: the open steps' and the kept steps' last 16 KiB. */
export function createJobLogs(options: {
  readonly color: boolean;
  readonly prefix: (job: string) => string;
}): JobLogs {
  const open = new Map<string, OpenStep>();
  const kept = new Map<string, ByteText>();
  let last = '';

  const show = (job: string, current: OpenStep, lines: ByteText): ByteText => {
    if (lines === '') return '';
    last = stepKey(job, current.step);
    current.tail = (lines.length < tailBytes ? current.tail + lines : lines).slice(-tailBytes);
    const prefix = toByteText(options.prefix(job));
    if (prefix === '') return lines;
    // A regular expression with a constant replacement is V8's fastest way; `$` is the one character that means something.
    return `${prefix}${lines.slice(0, -1).replace(/\n/g, `\n${prefix.replaceAll('$', '$$$$')}`)}\n`;
  };
  const close: JobLogs['close'] = (job, keep) => {
    const current = open.get(job);
    if (current === undefined) return '';
    open.delete(job);
    const lines = show(job, current, current.stdout.end() + current.stderr.end());
    if (keep) kept.set(stepKey(job, current.step), current.tail);
    return lines;
  };
  return {
    push: ({ job, step, stream, chunk }) => {
      const before = open.get(job)?.step === step ? '' : close(job, false);
      const current = open.get(job) ?? {
        step,
        stdout: createLogLines(options),
        stderr: createLogLines(options),
        tail: '',
      };
      open.set(job, current);
      return before + show(job, current, current[stream].push(chunk));
    },
    close,
    tail: (job, step) => lastLines(kept.get(stepKey(job, step)) ?? ''),
    isLast: (job, step) => last === stepKey(job, step),
  };
}

const stepKey = (job: string, step: number): string => `${step} ${job}`;
