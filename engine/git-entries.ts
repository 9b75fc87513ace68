// The rows of a source index → the entries of a git index, by which git's threads find the files that changed.
// https://git-scm.com/docs/index-format
import { isExecutable } from './disk-tree.ts';

/** Numbers of a file's stamp: size, mtime and ctime in milliseconds, inode, device, mode, user, group. */
export const STAMP = 8;

const HEADER = 12;
const ENTRY = 62;
const LONGEST = 0x0fff;
const SIGNATURE = 0x4449_5243;
/** Git takes an empty file with another for changed; of the rest it looks at content only where stats do not tell. */
const EMPTY_BLOB = Buffer.from('e69de29bb2d1d6434b8b29ae775ad8c2e48c5391', 'hex');

/**
 * `paths` in the order of their bytes, each with a NUL after it, and the stamps of each; one of NaN is written as 0, which
 * no file has.
 */
export function encodeEntries(paths: readonly Buffer[], stamps: Float64Array): Buffer {
  // One to eight NULs after each path, up to a multiple of eight.
  const lengths = paths.map(({ length }) => (ENTRY + length + 7) & ~7);
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + length, HEADER));
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  // Numbers are taken modulo 2 ** 32, as git takes them.
  const put = (start: number, words: readonly number[]): void => {
    for (let at = 0; at < words.length; at++) view.setUint32(start + 4 * at, words[at] ?? 0);
  };
  put(0, [SIGNATURE, 2, paths.length]);
  let start = HEADER;
  for (const [at, path] of paths.entries()) {
    const stamp = (part: number): number => stamps[at * STAMP + part] ?? 0;
    const mode = isExecutable(stamp(5)) ? 0o100755 : 0o100644;
    // Git compares times to the second, unless it was built to do otherwise: then it finds every file changed.
    const times = [stamp(2) / 1000, 0, stamp(1) / 1000, 0];
    put(start, [...times, stamp(4), stamp(3), mode, stamp(6), stamp(7), stamp(0)]);
    EMPTY_BLOB.copy(bytes, start + 40);
    view.setUint16(start + 60, Math.min(path.length - 1, LONGEST));
    path.copy(bytes, start + ENTRY);
    start += lengths[at] ?? 0;
  }
  return bytes;
}

/** How many entries follow these first bytes of a git index; 0: it is none. */
export const countEntries = (bytes: Buffer): number =>
  bytes.length >= HEADER && bytes.readUInt32BE() === SIGNATURE ? bytes.readUInt32BE(8) : 0;
