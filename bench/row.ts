// What a benchmark yields: rows of figures, each against a baseline that was measured in the same rounds.

/** `ms`: the less the better, as with every unit. */
export type Unit = 'ms' | 'MB' | 'µs/job';

export interface Measured {
  readonly what: string;
  readonly against: string;
  readonly unit: Unit;
  /** One figure for each round. */
  readonly ours: readonly number[];
  readonly baseline: readonly number[];
  /** Ours is to be at most this many times the baseline; null: shown, not judged. */
  readonly reach: number | null;
}

/** A row that cannot be measured on this machine. */
export interface Missing {
  readonly what: string;
  readonly against: string;
  readonly reach: number | null;
  readonly missing: string;
}

export type Row = Measured | Missing;

/** One file each; `rounds` is null where the command line does not say. */
export interface Benchmark {
  /** What `--only` names. */
  readonly name: string;
  readonly run: (rounds: number | null) => Promise<readonly Row[]>;
}

export interface Judged {
  readonly ours: number;
  readonly baseline: number;
  readonly ratio: number;
  readonly met: boolean | null;
}

export function judge({ ours, baseline, reach }: Measured): Judged {
  const [mine, theirs] = [median(ours), median(baseline)];
  const ratio = mine / theirs;
  return { ours: mine, baseline: theirs, ratio, met: reach === null ? null : ratio <= reach };
}

export function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = NaN, high = NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}
