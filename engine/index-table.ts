// What a source index holds ⇄ one file of bytes that loads 100,000 rows in milliseconds, and is a git index of the files.
// Entries for git; an extension, which git skips, of header (8-byte floats, as the machine has them: another one's are no
// header), stamps, digests, paths, the tree as a whole in JSON, and their length; sha256 of it all, the first bytes of
// which are the extension's, the rest what git takes for a digest of its own.
import { isAscii } from 'node:buffer';
import { createHash, hash } from 'node:crypto';
import { closeSync, lstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { decodePath, encodePath } from '../src/model/path-bytes.ts';
import type { LinkEntry } from '../src/model/tree.ts';
import { OPEN_FLAGS } from './disk-tree.ts';
import { encodeEntries, STAMP } from './git-entries.ts';
import type { Ground } from './listing-ground.ts';
import { makeFolder } from './make-folder.ts';

/** Who the index belongs to, and when: an index is taken with the header that it was saved with. */
export interface Header {
  /** Device and inode of the root. */
  readonly device: number;
  readonly inode: number;
  /** When the machine started, by its clock at the time of saving; milliseconds since the epoch. */
  readonly bootedAt: number;
}

export interface Row {
  readonly path: string;
  /** See `STAMP`. */
  readonly stamp: Float64Array | readonly number[];
  /** 64 hexadecimal digits. */
  readonly digest: string;
}

/** A tree each file of which has a row, and what it followed from. */
export interface Whole {
  /** Digest of what git listed, and of what else decides what is taken of it. */
  readonly listing: string;
  /** Digest of the ignore files in `folders`. */
  readonly rules: string;
  /** All folders in which something was listed, and those above them. */
  readonly folders: readonly string[];
  readonly links: readonly LinkEntry[];
  /** Digest of the tree that came of it. */
  readonly digest: string;
  /** Those of the folders that have an ignore file. */
  readonly ruled: readonly string[];
  /** What the listing follows from, where that is known. */
  readonly ground: Ground | null;
}

/** Columns rather than rows: a hundred thousand objects take longer to make than to read. */
export interface Table {
  readonly paths: readonly string[];
  /** `STAMP` for each path. */
  readonly stamps: Float64Array;
  /** 64 hexadecimal digits for each path. */
  readonly digests: string;
  readonly whole: Whole | null;
}

const EMPTY: Table = { paths: [], stamps: new Float64Array(), digests: '', whole: null };
const VERSION = 0x4c53_0003;
/** Of git, after the name of an extension and its length. */
const GIT_DIGEST = 20;
const CHECKSUM = 32;
const HEADER = 5 * 8;
const DIGEST = 32;
/** By its capital one that git need not know. */
const EXTENSION = Buffer.from('LSTP');
/** A temporary file this old, in milliseconds, was left by a process that died. */
const ABANDONED = 60_000;

/** Empty when it is not there, damaged, or `isValid` says no. */
export function loadTable(file: string, isValid: (header: Header) => boolean): Table {
  try {
    const all = readFileSync(file, { flag: OPEN_FLAGS });
    const checksum = hash('sha256', all.subarray(0, -CHECKSUM), 'buffer');
    if (!checksum.equals(all.subarray(-CHECKSUM))) return EMPTY;
    const end = all.length - CHECKSUM - 4;
    const bytes = all.subarray(end - all.readUInt32BE(end), end);
    const floats = (from: number, count: number): Float64Array =>
      new Float64Array(Uint8Array.prototype.slice.call(bytes, from, from + count * 8).buffer);
    const [version, count = 0, device = 0, inode = 0, bootedAt = 0] = floats(0, HEADER / 8);
    if (version !== VERSION || !isValid({ device, inode, bootedAt })) return EMPTY;
    const digestsAt = HEADER + count * STAMP * 8;
    const textAt = digestsAt + count * DIGEST;
    const paths = splitText(bytes.subarray(textAt));
    return {
      whole: JSON.parse(paths.pop() ?? '') as Whole | null,
      paths,
      stamps: floats(HEADER, count * STAMP),
      digests: bytes.toString('hex', digestsAt, textAt),
    };
  } catch {
    return EMPTY;
  }
}

/**
 * Whole or not at all, and nothing when it cannot be written, or while another process writes: then that one's serves.
 * Not synced to the disk: what a crash leaves of it does not pass the checksum.
 */
export function saveTable(
  file: string,
  { device, inode, bootedAt }: Header,
  rows: readonly Row[],
  whole: Whole | null,
): void {
  const stamps = new Float64Array(rows.length * STAMP);
  for (const [at, { stamp }] of rows.entries()) stamps.set(stamp, at * STAMP);
  const paths = rows.map(({ path }) => encodePath(`${path}\0`));
  const content = [
    new Uint8Array(Float64Array.of(VERSION, rows.length, device, inode, bootedAt).buffer),
    new Uint8Array(stamps.buffer),
    Buffer.from(rows.map(({ digest }) => digest).join(''), 'hex'),
    Buffer.concat(paths),
    Buffer.from(`${JSON.stringify(whole)}\0`),
  ];
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const extension = [EXTENSION, uint32(length + 4 + CHECKSUM - GIT_DIGEST), ...content, uint32(length)];
  const parts = [encodeEntries(paths, stamps), ...extension];
  const checksum = createHash('sha256');
  for (const part of parts) checksum.update(part);
  const temporary = `${file}.tmp`;
  try {
    makeFolder(dirname(file), 0o700);
    if (isAbandoned(temporary)) rmSync(temporary);
    const handle = openSync(temporary, 'wx', 0o600);
    try {
      for (const part of [...parts, checksum.digest()]) writeFileSync(handle, part);
      renameSync(temporary, file);
    } catch {
      rmSync(temporary);
    } finally {
      closeSync(handle);
    }
  } catch {
    // Another process writes, or nobody can.
  }
}

function isAbandoned(temporary: string): boolean {
  const stats = lstatSync(temporary, { throwIfNoEntry: false });
  return stats !== undefined && Math.abs(Date.now() - stats.mtimeMs) > ABANDONED;
}

/** Each part ends with a NUL. */
function splitText(bytes: Buffer): string[] {
  const parts = bytes.toString('latin1').split('\0').slice(0, -1);
  return isAscii(bytes) ? parts : parts.map((part) => decodePath(Buffer.from(part, 'latin1')));
}

function uint32(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}
