// File names in any bytes ⇄ strings, without loss: UTF-8, and each byte that is not becomes U+DC80…U+DCFF.
import { isUtf8 } from 'node:buffer';

/** The sequence length that a lead byte announces; 1 for a byte that cannot lead. */
const sequenceLength = (lead: number): number => (lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1);

/** `encodePath` gives the same bytes back, whatever they are. */
export function decodePath(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let path = '';
  for (let at = 0; at < bytes.length;) {
    const lead = bytes.readUInt8(at);
    const sequence = bytes.subarray(at, at + sequenceLength(lead));
    const valid = isUtf8(sequence);
    path += valid ? sequence.toString('utf8') : String.fromCharCode(0xdc00 + lead);
    at += valid ? sequence.length : 1;
  }
  return path;
}

/** Inverse of `decodePath`. A half of a surrogate pair that stands for no byte becomes U+FFFD. */
export function encodePath(path: string): Buffer {
  if (path.isWellFormed()) return Buffer.from(path, 'utf8');
  return Buffer.concat(
    Array.from(path, (character) => {
      const code = character.codePointAt(0) ?? 0;
      return code >= 0xdc80 && code <= 0xdcff ? Buffer.of(code - 0xdc00) : Buffer.from(character, 'utf8');
    }),
  );
}

/** Where `path`, relative to `folder` and '' for the folder itself, lies on disk: what `node:fs` takes. */
export function diskPath(folder: string, path: string): string | Buffer {
  const joined = path === '' ? folder : `${folder}/${path}`;
  return joined.isWellFormed() ? joined : encodePath(joined);
}

/** Orders paths by their bytes. */
export function comparePaths(a: string, b: string): number {
  if (a === b) return 0;
  // Below the surrogates UTF-16 units sort as UTF-8 bytes do.
  if (HIGH.test(a) || HIGH.test(b)) return Buffer.compare(encodePath(a), encodePath(b));
  return a < b ? -1 : 1;
}

/** A copy in the order of the paths' bytes. */
export function sortByPath<Item>(items: Iterable<Item>, pathOf: (item: Item) => string): Item[] {
  const sorted = [...items];
  const compare = sorted.some((item) => HIGH.test(pathOf(item))) ? comparePaths : compareUnits;
  const isInOrder = (item: Item, at: number): boolean =>
    at === 0 || compare(pathOf(sorted[at - 1] ?? item), pathOf(item)) <= 0;
  return sorted.every(isInOrder) ? sorted : sorted.sort((a, b) => compare(pathOf(a), pathOf(b)));
}

const compareUnits = (a: string, b: string): number => (a < b ? -1 : a === b ? 0 : 1);

const HIGH = /[\ud800-\uffff]/;
