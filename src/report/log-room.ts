// How much of a log a platform shows → what of a run there is room for, so that its end is always seen.
//
// Each of the uses ends before the next: lines of steps, the last lines of failed steps, what we say while the run goes on, what
// we say at its end. What is left then is for who speaks before the run and after it.

/** Bytes that a platform may put before each line: the time, and which stream it is of. */
const perLine = 40;

const shares = { lines: 24 / 32, tails: 26 / 32, words: 28 / 32, closing: 31 / 32 } as const;
type Use = keyof typeof shares;

export interface LogRoom {
  /** Bytes that are left for it; at least 0. */
  readonly left: (use: Use) => number;
  /** Whether there is room for what costs so much; it is taken then. */
  readonly takes: (use: Use, cost: number) => boolean;
  /** For what must be written: it ends what was begun. */
  readonly spend: (cost: number) => void;
}

/** `limit`: null where there is none. */
export function createLogRoom(limit: number | null): LogRoom {
  let used = 0;
  const left = (use: Use): number => (limit === null ? Infinity : Math.max(0, limit * shares[use] - used));
  const spend = (cost: number): void => void (used += cost);
  return {
    left,
    spend,
    takes: (use, cost) => {
      if (cost > left(use)) return false;
      spend(cost);
      return true;
    },
  };
}

export function costOf(bytes: Uint8Array): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return bytes.length + perLine * lines;
}

/** The whole lines from the beginning, or from the end, that cost no more. */
export function linesWithin(bytes: Uint8Array, most: number, from: 'start' | 'end'): Uint8Array {
  if (most === Infinity) return bytes;
  let [kept, cost] = [0, 0];
  while (kept < bytes.length) {
    const next = from === 'start' ? nextLine(bytes, kept) : lineBefore(bytes, bytes.length - kept);
    cost += next + perLine;
    if (cost > most) break;
    kept += next;
  }
  return from === 'start' ? bytes.subarray(0, kept) : bytes.subarray(bytes.length - kept);
}

/** Bytes of the line that begins there, with its end. */
function nextLine(bytes: Uint8Array, at: number): number {
  const newline = bytes.indexOf(10, at);
  return (newline < 0 ? bytes.length : newline + 1) - at;
}

/** Bytes of the line that ends there. */
function lineBefore(bytes: Uint8Array, end: number): number {
  return end < 2 ? end : end - (bytes.lastIndexOf(10, end - 2) + 1);
}
