// Lines of a step that are shown later, or not at all → all of them as long as they are few enough to be shown, else the last.
import { costOf } from './log-room.ts';
import { createSpool, type Spool } from './spool.ts';

/** Bytes of the end that is kept of what is too much. */
export const keptBytes = 64 * 1024;

export interface HeldLines {
  push(lines: Uint8Array): void;
  readonly bytes: () => number;
  /** What all of it takes of a log; Infinity once it was too much. */
  readonly cost: () => number;
  /** All, once. */
  drain(): Iterable<Uint8Array>;
  /** The end, once: `keptBytes` and more where there was so much, and then it may begin within a line. Nothing else is left. */
  end(): Uint8Array;
}

/** `most`: the room of the log, as `cost` counts; lines over it are never shown whole, so only their end is kept. Infinity: no bound. */
export function createHeldLines(most: number): HeldLines {
  let spool: Spool | null = most > 0 ? createSpool() : null;
  const kept: Uint8Array[] = [];
  let keptSize = 0;
  let bytes = 0;
  let cost = 0;

  const keep = (lines: Uint8Array): void => {
    kept.push(lines);
    keptSize += lines.length;
    for (let [first] = kept; first && keptSize - first.length >= keptBytes; [first] = kept) {
      kept.shift();
      keptSize -= first.length;
    }
  };
  const giveUp = (): void => {
    for (const piece of spool?.drain() ?? []) keep(piece);
    spool = null;
  };
  return {
    push(lines) {
      bytes += lines.length;
      if (spool === null) {
        keep(lines);
        return;
      }
      if (most !== Infinity) cost += costOf(lines);
      spool.push(lines);
      if (cost > most) giveUp();
    },
    bytes: () => bytes,
    cost: () => (spool === null && bytes > 0 ? Infinity : cost),
    drain: () => spool?.drain() ?? [],
    end() {
      giveUp();
      return Buffer.concat(kept.splice(0));
    },
  };
}
