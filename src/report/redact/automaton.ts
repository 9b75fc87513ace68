// Patterns → a machine that finds all of them in one pass: a trie whose failure links lead from each state to the longest suffix
// of what was read that begins a pattern too.
import type { Pattern } from './patterns.ts';

/** Indexed by state, breadth first, so that the children of a state lie side by side, by their bytes; 0 is the root. 17 bytes for each state. */
export interface Automaton {
  /** Byte → state, from the root: most bytes go there, and it has the most children. */
  readonly fromRoot: Int32Array;
  /** The first child; where those of the next state begin, they end. */
  readonly child: Int32Array;
  readonly label: Uint8Array;
  readonly failure: Int32Array;
  /** How many of the bytes that were read may begin a match that has not ended yet. */
  readonly open: Int32Array;
  /** Index in `endings`. */
  readonly ending: Int32Array;
  readonly endings: readonly Ending[];
}

/** What ends in a state: the longest pattern, the longest guarded one, and short values: bit n for one of n bytes. */
export interface Ending {
  readonly longest: Match | null;
  readonly guarded: Match | null;
  readonly short: number;
}

export interface Match {
  readonly secret: string;
  /** In bytes. */
  readonly length: number;
}

/** The state after one more byte. */
export const step = (automaton: Automaton, from: number, byte: number): number => {
  const { child, label, failure, fromRoot } = automaton;
  for (let state = from; state !== 0; state = failure[state] ?? 0) {
    const until = child[state + 1] ?? 0;
    let next = child[state] ?? 0;
    for (let high = until; next < high;) {
      const middle = (next + high) >>> 1;
      if ((label[middle] ?? 0) < byte) next = middle + 1;
      else high = middle;
    }
    if (next < until && label[next] === byte) return next;
  }
  return fromRoot[byte] ?? 0;
};

/** The patterns from `from` to `until`, in their order, go through this state. */
interface Branch {
  readonly state: number;
  readonly from: number;
  readonly until: number;
}

/** `short`: values that count only where they stand alone; they are not among `patterns`. */
export const buildAutomaton = (patterns: readonly Pattern[], short: readonly Pattern[] = []): Automaton => {
  const alone = new Set(short);
  const sorted = [...patterns, ...short].sort((a, b) => Buffer.compare(a.bytes, b.bytes));
  const shared = Int32Array.from(sorted, ({ bytes }, index) => inCommon(bytes, sorted[index - 1]?.bytes));
  const size = sorted.reduce((sum, { bytes }, index) => sum + bytes.length - (shared[index] ?? 0), 1);
  const endings: Ending[] = [{ longest: null, guarded: null, short: 0 }];
  const automaton: Automaton = {
    fromRoot: new Int32Array(256),
    child: new Int32Array(size + 1),
    label: new Uint8Array(size),
    failure: new Int32Array(size),
    open: new Int32Array(size),
    ending: new Int32Array(size),
    endings,
  };
  const { fromRoot, child, label, failure, open, ending } = automaton;
  let states = 1;

  /** A failure link leads to a state nearer the root, which is done already. */
  const grow = ({ state, from, until }: Branch, depth: number): Branch[] => {
    const suffix = failure[state] ?? 0;
    const branches: Branch[] = [];
    child[state] = states;
    let at = from;
    while (at < until && sorted[at]?.bytes.length === depth) at++;
    ending[state] = ending[suffix] ?? 0;
    if (at > from) {
      ending[state] = endings.length;
      endings.push(withThose(sorted.slice(from, at), alone, endings[ending[suffix] ?? 0]));
    }
    open[state] = at === until ? (open[suffix] ?? 0) : depth;
    while (at < until) {
      const first = at;
      const byte = sorted[at++]?.bytes[depth] ?? 0;
      while (at < until && (shared[at] ?? 0) > depth) at++;
      label[states] = byte;
      if (state === 0) fromRoot[byte] = states;
      else failure[states] = step(automaton, suffix, byte);
      branches.push({ state: states++, from: first, until: at });
    }
    return branches;
  };

  let level: readonly Branch[] = [{ state: 0, from: 0, until: sorted.length }];
  for (let depth = 0; level.length > 0; depth++) level = level.flatMap((branch) => grow(branch, depth));
  child[size] = size;
  return automaton;
};

/** How many bytes two patterns begin with alike. */
const inCommon = (bytes: Uint8Array, before: Uint8Array = new Uint8Array()): number => {
  let length = 0;
  while (length < before.length && before[length] === bytes[length]) length++;
  return length;
};

/** The same bytes may be of more than one secret. */
const withThose = (
  ending: readonly Pattern[],
  alone: ReadonlySet<Pattern>,
  shorter: Ending | undefined,
): Ending => {
  const matchOf = (pattern: Pattern | undefined) =>
    pattern ? { secret: pattern.secret, length: pattern.bytes.length } : null;
  const long = ending.filter((pattern) => !alone.has(pattern));
  const isShort = long.length < ending.length;
  return {
    longest: matchOf(long[0]) ?? shorter?.longest ?? null,
    guarded: matchOf(long.find(({ guarded }) => guarded)) ?? shorter?.guarded ?? null,
    short: (shorter?.short ?? 0) | (isShort ? 1 << (ending[0]?.bytes.length ?? 0) : 0),
  };
};
