// A stream's chunks → the matches in them, and from where on a match may still be going on.
import { buildAutomaton, step } from './automaton.ts';
import type { Automaton, Ending, Match } from './automaton.ts';
import type { Patterns } from './patterns.ts';
import { buildPrefilter } from './prefilter.ts';
import type { Prefilter } from './prefilter.ts';

/** What all streams share. */
export interface Machine {
  readonly plain: Automaton;
  readonly base64: Automaton;
  readonly prefilter: Prefilter;
}

export const buildMachine = (patterns: Patterns): Machine => ({
  plain: buildAutomaton(patterns.plain, patterns.short),
  base64: buildAutomaton(patterns.base64),
  prefilter: buildPrefilter(patterns),
});

/** Told in the order of `end`; both count from the start of the stream. No secret: a short value that stands alone. */
type Found = (start: number, end: number, secret: string | null) => void;

/**
 * So much of a base64 match at the end of a line makes the line wait for the next one. Any line may end with less by chance:
 * nearly all would be shown one line late.
 */
const leastHeldBeforeBreak = 3;
/** With fewer bytes open the prefilter is asked whether a match can begin at all: going back over them is cheap. */
const near = 8;

const newline = 10;
const carriageReturn = 13;

/** A short value stands alone when none of these is beside it; what is beyond ASCII counts as a letter. */
const isWord = (byte: number) => byte > 127 || /\w/.test(String.fromCharCode(byte));

const endingOf = ({ ending, endings }: Automaton, state: number) => endings[ending[state] ?? 0];

export class Scanner {
  readonly #machine: Machine;
  readonly #found: Found;
  readonly #guards: boolean;
  /** Bytes of the chunks before this one, and the last three of them. */
  #position = 0;
  #recent = Buffer.alloc(3);
  /** Up to here all was told. */
  #told = 0;
  #plain = 0;
  #base64 = 0;
  /** Where bytes of ends of lines were skipped within base64, and the one that was read last: only one end may be between two characters. */
  #breaks: number[] = [];
  #break: number | null = null;
  /** Where a short value begins that stands alone if no word goes on behind it. */
  #short: number | null = null;

  /** `guards`: only guarded patterns are told. */
  constructor(machine: Machine, guards: boolean, found: Found) {
    this.#machine = machine;
    this.#guards = guards;
    this.#found = found;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    /** Where the prefilter was asked last; in an earlier chunk: -1. */
    let asked = -1;
    if (this.#openFrom(this.#position) === this.#position) {
      this.#reset();
      asked = at = this.#machine.prefilter(chunk, 0);
    }
    while (at < chunk.length) {
      this.#read(chunk, at++);
      if (this.#short !== null || this.#mostOpen() >= near) continue;
      const open = this.#openFrom(this.#position + at) - this.#position;
      if (open <= asked || open < 0) continue;
      const place = this.#machine.prefilter(chunk, open);
      asked = at;
      if (place === open && open < at) continue;
      this.#reset();
      asked = at = place;
    }
    this.#position += chunk.length;
    this.#recent = Buffer.concat([this.#recent, chunk.subarray(-3)]).subarray(-3);
    const open = this.#openFrom(this.#position);
    this.#breaks = this.#breaks.filter((place) => place >= open);
  }

  end(): void {
    if (this.#short !== null) this.#found(this.#short, this.#position, null);
    this.#short = null;
  }

  /** Where the earliest match begins that may still be going on, but for what is not worth a wait. */
  heldFrom(): number {
    const tooShort =
      this.#break !== null && (this.#machine.base64.open[this.#base64] ?? 0) < leastHeldBeforeBreak;
    return tooShort ? this.#plainOpenFrom(this.#position) : this.#openFrom(this.#position);
  }

  #openFrom(end: number): number {
    const { base64 } = this.#machine;
    return Math.min(this.#plainOpenFrom(end), this.#base64From(end, base64.open[this.#base64] ?? 0));
  }

  #mostOpen(): number {
    const { plain, base64 } = this.#machine;
    return Math.max(plain.open[this.#plain] ?? 0, base64.open[this.#base64] ?? 0);
  }

  #plainOpenFrom(end: number): number {
    return Math.min(this.#short ?? end, end - (this.#machine.plain.open[this.#plain] ?? 0));
  }

  /** Where the last `characters` before `end` begin. */
  #base64From(end: number, characters: number): number {
    let start = end - characters;
    for (let last = this.#breaks.length - 1; last >= 0 && (this.#breaks[last] ?? 0) >= start; last--) start--;
    return start;
  }

  #reset(): void {
    this.#plain = this.#base64 = 0;
    this.#breaks = [];
    this.#break = null;
  }

  #read(chunk: Uint8Array, at: number): void {
    const { plain, base64 } = this.#machine;
    const byte = chunk[at] ?? 0;
    const end = this.#position + at + 1;
    const isNew = end > this.#told;
    if (isNew) this.#told = end;

    if (this.#short !== null && !isWord(byte)) this.#found(this.#short, end - 1, null);
    this.#short = null;
    this.#plain = step(plain, this.#plain, byte);
    const ending = endingOf(plain, this.#plain);
    const found = this.#matchOf(ending);
    if (found && isNew) this.#found(end - found.length, end, found.secret);
    const shorts = ending?.short ?? 0;
    if (shorts !== 0 && isNew && !this.#guards) this.#short = this.#shortAlone(shorts, chunk, at + 1);

    if (this.#base64 !== 0 && this.#skipsBreak(byte, end - 1)) return;
    this.#base64 = step(base64, this.#break === carriageReturn ? 0 : this.#base64, byte);
    this.#break = null;
    if (this.#base64 === 0 && this.#breaks.length > 0) this.#breaks = [];
    const encoded = this.#matchOf(endingOf(base64, this.#base64));
    if (encoded && isNew) this.#found(this.#base64From(end, encoded.length), end, encoded.secret);
  }

  /** `\n` or `\r\n` between two characters of base64. */
  #skipsBreak(byte: number, place: number): boolean {
    const fits = byte === carriageReturn ? this.#break === null : byte === newline && this.#break !== newline;
    if (!fits) return false;
    this.#break = byte;
    this.#breaks.push(place);
    return true;
  }

  #matchOf(ending: Ending | undefined): Match | null {
    return (this.#guards ? ending?.guarded : ending?.longest) ?? null;
  }

  /** Of the short values that end before `end`, the longest with no word before it. */
  #shortAlone(lengths: number, chunk: Uint8Array, end: number): number | null {
    for (const length of [3, 2, 1]) {
      if ((lengths & (1 << length)) === 0) continue;
      const before = end - length - 1;
      const byte = before < 0 ? this.#recent[this.#recent.length + before] : chunk[before];
      if (this.#position + before < 0 || !isWord(byte ?? 0)) return this.#position + end - length;
    }
    return null;
  }
}
