// What a run would do now, and why → text for people who ask `lockstep explain`.
import type { Cause, ExplainedJob, JobForesight, StepForesight } from '../model/foresight.ts';
import { causeWords, changeWords, fateWord, providedWords } from './foresight-words.ts';
import { createPaint, type Paint, type Style } from './style.ts';
import { visible } from './visible.ts';
import { pad, textWidth } from './width.ts';

export interface ExplainOptions {
  readonly color: boolean;
}

/** One line a job. */
export function renderOverview(jobs: readonly JobForesight[], { color }: ExplainOptions): string {
  const paint = createPaint(color);
  const rows = jobs.map((job): [string, string] => [
    paint('bold', visible(job.job)),
    describeJob(job, paint) + (job.because === null ? '' : `: ${causeWords(job.because)}`),
  ]);
  return lines(aligned(rows));
}

/** Each with its steps, or the one that was asked for, and in full what differs from the nearest run. */
export function renderExplained(jobs: readonly ExplainedJob[], { color }: ExplainOptions): string {
  const paint = createPaint(color);
  return jobs.map((job) => lines(explain(job, paint))).join('\n');
}

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join('');

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([first]) => textWidth(first)));
  return rows.map(([first, second]) => `${pad(first, width)}  ${second}`);
}

function explain(job: ExplainedJob, paint: Paint): string[] {
  const name = paint('bold', visible(job.job));
  const step = job.asked === null ? undefined : job.steps[job.asked];
  const details = job.because === null || isAnswered(step) ? [] : detailsOf(job.because, paint);
  if (job.asked !== null && step !== undefined)
    return [`${name} step ${stepName(step, job.asked)}  ${describeStep(step, paint)}`, ...details];
  const rows = job.steps.map((one, index): [string, string] => [
    `  ${stepName(one, index)}`,
    describeStep(one, paint),
  ]);
  return [`${name}  ${describeJob(job, paint)}`, ...aligned(rows), ...details];
}

/** A step of which nothing more is to say than how it comes out. */
const isAnswered = (step: StepForesight | undefined): boolean =>
  step !== undefined && (step.fate === 'reuse' || step.fate === 'skip');

const stepName = ({ name, phase }: StepForesight, index: number): string =>
  `${index + 1} ${phase === 'finally' ? 'finally: ' : ''}${visible(name)}`;

function describeJob(job: JobForesight, paint: Paint): string {
  const first = job.steps.findIndex(({ fate }) => fate === 'run' || fate === 'open');
  const from = job.fate === 'run' && first > 0 ? ` from step ${first + 1}` : '';
  return paint(fateStyle[job.fate], jobWord[job.fate] + from) + providedWords(job);
}

const jobWord: Readonly<Record<JobForesight['fate'], string>> = {
  reuse: 'reused',
  run: 'runs',
  open: 'decided during the run',
  skip: 'skipped',
  fail: 'fails before its first step',
};

const fateStyle: Readonly<Record<JobForesight['fate'], Style>> = {
  reuse: 'green',
  run: 'yellow',
  open: 'cyan',
  skip: 'dim',
  fail: 'red',
};

const describeStep = ({ fate, because }: StepForesight, paint: Paint): string =>
  paint(fateStyle[fate], fateWord(fate)) + (because === null ? '' : `: ${causeWords(because)}`);

const mostFiles = 20;

/** Below the steps: what their short words leave out. */
function detailsOf(cause: Cause, paint: Paint): string[] {
  switch (cause.why) {
    case 'changed': {
      const others = cause.changes.filter(({ what }) => what[0] !== 'file');
      const files = cause.changes.filter(({ what }) => what[0] === 'file');
      const left = files.length - mostFiles;
      return [
        `  ${placeWords(cause.step)} compared with the run of ${timeWords(cause.at)}:`,
        ...[...others, ...files.slice(0, mostFiles)].map((change) => `    ${changeWords(change)}`),
        ...(left > 0 ? [paint('dim', `    and ${left} more`)] : []),
      ];
    }
    case 'never-recorded':
      return [`  ${placeWords(cause.step)}: no run of this checkout has come to it with success`];
    case 'record-gone':
      return [
        `  ${placeWords(cause.step)}: nothing has changed, but its record was removed (cache cleared, evicted or damaged)`,
      ];
    case 'no-value':
      return [`  ${placeWords(cause.step)}: an expression of it has no value; the run says which`];
    case 'reuse-off':
      return [
        cause.step === null
          ? '  the job says `reuse: false`: it always runs'
          : `  ${placeWords(cause.step)} says \`reuse: false\`: it and all after it always run`,
      ];
    case 'follows':
    case 'no-snapshot':
      return [];
    case 'needs':
    case 'image-unknown':
    case 'condition':
    case 'needs-not-met':
    case 'secret-withheld':
    case 'failure':
      return [`  ${causeWords(cause)}`];
  }
}

const placeWords = (step: number | null): string => (step === null ? 'after the steps' : `step ${step + 1}`);

const timeWords = (at: number): string => `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
