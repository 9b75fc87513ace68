// RunEvents → a CI platform's log: a fold for each step, problems shown at their place.
//
// With one job in the run a step's lines appear as they come. With several, those of a step appear when it has ended, so that
// no fold has lines of two jobs in it.
import type { LogStyle } from '../contract/log-style.ts';
import type { Emit, RunEvent, StepFinished, StepStarted } from '../model/event.ts';
import { createPlainLines } from './plain.ts';
import { formatDuration } from './quantity.ts';
import { createSpool, type Spool } from './spool.ts';
import { tellInStyle } from './told.ts';
import { visible } from './visible.ts';
import { stepWords } from './wording.ts';

interface FoldedOptions {
  /** UTF-8. A promise is handed on to the sender of the event. */
  readonly write: (bytes: Uint8Array) => void | Promise<void>;
  readonly style: LogStyle;
}

/** Of a step under way. */
interface Fold {
  readonly title: string;
  /** Null: its lines are shown as they come. */
  readonly spool: Spool | null;
}

/** Bytes, or those that a step wrote while others were shown. */
type Piece = Uint8Array | Spool;

export function createFoldedReporter({ write, style }: FoldedOptions): Emit {
  const linesOf = createPlainLines({ color: true, folds: true });
  const folds = new Map<string, Fold>();
  /** What ends the lines of a step that are being shown. */
  let fenceEnd = '';

  const enterFence = (): string => {
    if (fenceEnd !== '') return '';
    const { before, after } = style.fence();
    fenceEnd = after;
    return before;
  };
  const leaveFence = (): string => {
    const end = fenceEnd;
    fenceEnd = '';
    return end;
  };
  const begin = (event: StepStarted, alone: boolean): string => {
    const name = visible(event.name);
    const title = alone ? name : `${visible(event.job)}: ${name}`;
    folds.set(event.job, { title, spool: alone ? null : createSpool() });
    return alone ? style.open(title, event.at) : '';
  };
  const end = (event: StepFinished, { title, spool }: Fold): readonly (string | Spool)[] => {
    folds.delete(event.job);
    const { at, durationMs } = event;
    if (spool === null) return [leaveFence() + style.close(at)];
    const words = `${title}: ${stepWords(event)} in ${formatDuration(durationMs)}`;
    return [style.open(words, at) + enterFence(), spool, leaveFence() + style.close(at)];
  };

  const render = (event: RunEvent): readonly Piece[] => {
    const { log, own, alone } = linesOf(event);
    const pieces: (string | Piece)[] = [];
    const fold = 'job' in event ? folds.get(event.job) : undefined;
    if (log !== '' && fold !== undefined) {
      const bytes = Buffer.from(log, 'latin1');
      if (fold.spool === null) pieces.push(enterFence(), bytes);
      else fold.spool.push(bytes);
    }
    const said = tellInStyle(own, style);
    if (event.type === 'step-started' && !event.reused && fold === undefined)
      pieces.push(begin(event, alone));
    else if (event.type === 'step-started' && fold?.spool) fold.spool.push(Buffer.from(said));
    else if (event.type === 'step-finished' && fold !== undefined) {
      pieces.push(...end(event, fold));
      // The title of a fold that is written now has told of a success.
      if (fold.spool === null || event.status !== 'success') pieces.push(said);
    } else if (event.type !== 'log') pieces.push(leaveFence(), said);
    return pieces.map((piece) => (typeof piece === 'string' ? Buffer.from(piece) : piece));
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
