// Patterns → the places of a chunk where one may begin, found by a look at few of its bytes: it makes text without secrets cheap.
import type { Patterns } from './patterns.ts';

/** The first place at or after `from` where a match may begin; near the end of the chunk, any place. */
export type Prefilter = (chunk: Uint8Array, from: number) => number;

const newline = 10;
const carriageReturn = 13;
/** Marks of a triple of bytes: it is somewhere in the first bytes of a match, a match begins with it, or has it next. */
const inside = 1;
const begins = 2;
const next = 4;
const mostLookedAhead = 8;

/** Few triples share a hash, and the table of all hashes stays in a core's cache. */
const hashes = 1 << 18;
const mix = (first: number, second: number, third: number) =>
  ((first << 11) ^ (second << 5) ^ third) & (hashes - 1);
const tripleAt = (bytes: Uint8Array, at: number) =>
  mix(bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0);

/** Every run of `width` bytes holds one of the triples that lie `width - 2` apart, so only these are looked up. */
export const buildPrefilter = ({ plain, short, base64 }: Patterns): Prefilter => {
  const all = [...plain, ...short, ...base64].map(({ bytes }) => bytes);
  const width = all.reduce((least, { length }) => Math.min(least, length), mostLookedAhead);
  const stride = Math.max(width - 2, 1);
  const marks = new Uint8Array(hashes);
  const mark = (triple: number, as: number) => (marks[triple] = (marks[triple] ?? 0) | as);
  const seesNext = width >= 6;
  for (const bytes of all) {
    for (let at = 0; at < stride; at++) for (const triple of triplesAt(bytes, at)) mark(triple, inside);
    for (const triple of triplesAt(bytes, 0)) mark(triple, begins);
    if (seesNext) for (const triple of triplesAt(bytes, 3)) mark(triple, next);
  }
  for (const { bytes } of base64) {
    for (let at = 0; at < stride; at++) for (const triple of brokenAt(bytes, at)) mark(triple, inside);
    for (const triple of brokenAtStart(bytes)) mark(triple, begins);
    for (const at of [1, 2, 3])
      for (const triple of [...triplesAt(bytes, at), ...brokenAt(bytes, at)]) mark(triple, next);
  }
  const marksAt = (chunk: Uint8Array, at: number) => marks[tripleAt(chunk, at)] ?? 0;

  /** From `from` on in steps of a stride, the first triple before `until` that is inside a match. Calls within calls would halve its speed. */
  const nextInside = (chunk: Uint8Array, from: number, until: number): number => {
    let at = from;
    while (at < until) {
      const triple = mix(chunk[at] ?? 0, chunk[at + 1] ?? 0, chunk[at + 2] ?? 0);
      if (((marks[triple] ?? 0) & inside) !== 0) break;
      at += stride;
    }
    return at;
  };

  const mayBegin = (chunk: Uint8Array, at: number): boolean =>
    (marksAt(chunk, at) & begins) !== 0 &&
    (!seesNext || at + 6 > chunk.length || (marksAt(chunk, at + 3) & next) !== 0);

  return (chunk, from) => {
    const end = chunk.length - 2;
    let first = from;
    for (;;) {
      const found = nextInside(chunk, first + stride - 1, end);
      const last = Math.min(found, end - 1);
      for (first = found - stride + 1; first <= last; first++) if (mayBegin(chunk, first)) return first;
      if (found >= end) return first;
    }
  };
};

const bytesThere = Array.from({ length: 256 }, (_, byte) => byte);

/** The triple at a place of a pattern; behind its end any byte may follow. */
const triplesAt = (bytes: Uint8Array, at: number): number[] => {
  const at1 = at + 1 < bytes.length ? [bytes[at + 1] ?? 0] : bytesThere;
  const at2 = at + 2 < bytes.length ? [bytes[at + 2] ?? 0] : bytesThere;
  return at1.flatMap((second) => at2.map((third) => mix(bytes[at] ?? 0, second, third)));
};

/** The triples around a place of base64 where ends of lines break it. */
const brokenAt = (bytes: Uint8Array, at: number): number[] => {
  const [char = 0, second = 0] = [bytes[at], bytes[at + 1]];
  return [
    ...brokenAtStart(bytes.subarray(at)),
    mix(newline, char, second),
    mix(newline, char, newline),
    mix(newline, char, carriageReturn),
    mix(carriageReturn, newline, char),
  ];
};

const brokenAtStart = ([char = 0, second = 0]: Uint8Array): number[] => [
  mix(char, second, newline),
  mix(char, second, carriageReturn),
  mix(char, newline, second),
  mix(char, carriageReturn, newline),
];
