// RunEvents → a CI platform's log: a fold for each step, problems shown at their place, and no more than the platform shows.
//
// With one job in the run a step's lines appear as they come. With several, those of a step appear when it has ended, so that
// no fold has lines of two jobs in it.
import type { LogStyle } from '../contract/log-style.ts';
import type { Emit, RunEvent, StepFinished, StepStarted } from '../model/event.ts';
import { createHeldLines, type HeldLines } from './held-lines.ts';
import { createLimitedLog } from './limited-log.ts';
import { createPlainLines } from './plain.ts';
import { formatDuration } from './quantity.ts';
import { tellInStyle } from './told.ts';
import { visible } from './visible.ts';
import { stepWords } from './wording.ts';

interface FoldedOptions {
  /** UTF-8. A promise is handed on to the sender of the event. */
  readonly write: (bytes: Uint8Array) => void | Promise<void>;
  readonly style: LogStyle;
  /** Bytes after which the platform shows nothing more; null: it shows all. */
  readonly logBytes: number | null;
}

/** Of a step under way. */
interface Fold {
  readonly title: string;
  /** `seen`: it was opened when the step began, and its lines are shown as they come. `unseen`: there was no room to open it. */
  readonly shown: 'at-its-end' | 'seen' | 'unseen';
  /** What is not shown yet, or not at all; null: nothing. */
  held: HeldLines | null;
}

/** Bytes, or those that a step wrote while others were shown. */
type Piece = Uint8Array | HeldLines;

export function createFoldedReporter({ write, style, logBytes }: FoldedOptions): Emit {
  const linesOf = createPlainLines({ color: style.color, folds: true });
  const log = createLimitedLog(style, logBytes);
  const folds = new Map<string, Fold>();
  let isJobOpen = false;

  /** `log.isQuiet` then says whether there was room. */
  const open = (title: string, at: number, closed?: boolean): readonly Piece[] => {
    if (log.isQuiet()) return [];
    const pieces = log.say(style.open(title, at, closed));
    if (log.isQuiet()) style.close(at);
    return pieces;
  };
  const closeJob = (at: number): readonly Piece[] => {
    if (!isJobOpen) return [];
    isJobOpen = false;
    return log.finish(style.close(at));
  };
  const show = (fold: Fold, bytes: Uint8Array): readonly Piece[] => {
    const { shown, rest } = fold.held === null ? log.show(bytes) : { shown: [], rest: bytes };
    if (rest.length > 0) (fold.held ??= createHeldLines(0)).push(rest);
    return shown;
  };
  const begin = (event: StepStarted, alone: boolean): readonly Piece[] => {
    const name = visible(event.name);
    if (!alone) {
      const held = createHeldLines(log.left('lines'));
      folds.set(event.job, { title: `${visible(event.job)}: ${name}`, shown: 'at-its-end', held });
      return [];
    }
    const pieces = open(name, event.at);
    const isSeen = !log.isQuiet();
    const held = isSeen ? null : createHeldLines(0);
    folds.set(event.job, { title: name, shown: isSeen ? 'seen' : 'unseen', held });
    return pieces;
  };
  const end = (event: StepFinished, { title, shown, held }: Fold, said: string): readonly Piece[] => {
    const { job, at, durationMs, status } = event;
    const succeeded = status === 'success';
    folds.delete(job);
    if (shown === 'unseen') return [];
    if (shown === 'seen' || held === null)
      return [
        ...log.finish(''),
        ...(held === null ? [] : log.cut(job, held, !succeeded)),
        ...log.finish(style.close(at)),
        ...log.say(said),
      ];
    const whole = log.isQuiet() ? null : log.whole(held);
    if (whole === null && succeeded) return [...log.say(said), ...log.cut(job, held, false)];
    const opening = open(
      `${title}: ${stepWords(event)} in ${formatDuration(durationMs)}`,
      at - durationMs,
      succeeded,
    );
    if (log.isQuiet()) {
      held.end();
      return opening;
    }
    const lines = whole ?? log.cut(job, held, true);
    // The title has told of a success.
    return [...opening, ...lines, ...log.finish(style.close(at)), ...log.say(succeeded ? '' : said)];
  };

  const render = (event: RunEvent): readonly Piece[] => {
    const { log: lines, own, alone } = linesOf(event);
    const fold = 'job' in event ? folds.get(event.job) : undefined;
    const before = lines !== '' && fold !== undefined ? show(fold, Buffer.from(lines, 'latin1')) : [];
    if (event.type === 'log') return before;
    if (event.type === 'run-finished') {
      const parts = own.map((told) => tellInStyle([told], style));
      // A step that was never seen to end.
      const unended = [...folds.values()].filter(({ shown }) => shown === 'seen');
      const closing = unended.flatMap(() => log.finish(style.close(event.at)));
      return [...closing, ...closeJob(event.at), ...log.close(parts)];
    }
    const said = tellInStyle(own, style);
    if (event.type === 'run-started') log.begin(event.directory);
    if (event.type === 'step-started' && !event.reused) {
      if (fold === undefined) return begin(event, alone);
      if (fold.shown === 'at-its-end') {
        fold.held?.push(Buffer.from(said));
        return before;
      }
    }
    if (event.type === 'step-finished' && fold !== undefined) return [...before, ...end(event, fold, said)];
    if (event.type === 'job-started' && style.nests && alone && !isJobOpen && event.reused !== 'all') {
      const opening = open(visible(event.job), event.at);
      isJobOpen = !log.isQuiet();
      return [...opening, ...log.say(said)];
    }
    const closing = event.type === 'job-finished' ? closeJob(event.at) : [];
    return [...before, ...closing, ...log.say(said)];
  };

  /** A log that was held back is written piece by piece, and nothing comes in between. */
  let writing: Promise<void> | null = null;
  const writeAll = async (pieces: readonly Piece[], before: Promise<void> | null): Promise<void> => {
    await before;
    for (const piece of pieces) {
      const chunks = piece instanceof Uint8Array ? [piece] : piece.drain();
      for (const chunk of chunks) if (chunk.length > 0) await write(chunk);
    }
  };
  return (event) => {
    const pieces = render(event).filter((piece) => !(piece instanceof Uint8Array) || piece.length > 0);
    if (pieces.length === 0) return undefined;
    const mine = writeAll(pieces, writing).finally(() => {
      if (writing === mine) writing = null;
    });
    writing = mine;
    return mine;
  };
}
