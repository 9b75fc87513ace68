// What lies on disk → tree entries with digests, and the list of what lies below a folder.
import { createHash, hash } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { decodePath, diskPath } from '../src/model/path-bytes.ts';
import type { FileEntry, TreeEntry } from '../src/model/tree.ts';

/** Never through a link, never waiting for the other end of a pipe. */
export const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const WHOLE_FILE = 1 << 20;
const BETWEEN_PAUSES = 8 << 20;
const PER_ENTRY = 16 << 10;

/** Files whose content is known from before. Asked path by path, in the order of the paths' bytes. */
export interface KnownFiles {
  /** The file, if by its `stats` it is unchanged; without them, if it is known for unchanged already. */
  recall(path: string, stats?: Stats): FileEntry | null;
  /** A file that was read after `stats` were taken. */
  remember(entry: FileEntry, stats: Stats): void;
}

/**
 * The entries at `paths` below `root`, in that order; what is no longer there is left out, and so are folders, special
 * files and whatever lies behind a symbolic link. Sync reads, since async ones take several times as long; the event
 * loop runs in between. With `known`, the paths are in the order of their bytes. Failures (`environment`):
 * `source-unreadable`, `interrupted`.
 */
export async function readEntries(
  root: string,
  paths: Iterable<string>,
  { known, signal }: { known?: KnownFiles | undefined; signal?: AbortSignal | undefined } = {},
): Promise<Outcome<TreeEntry[]>> {
  const entries: TreeEntry[] = [];
  const isFolder = folderLookup(root);
  const pace: Pace = { spent: 0, signal };
  const buffer = Buffer.allocUnsafeSlow(WHOLE_FILE);
  for (const path of paths) {
    try {
      if (isFolder(parentOf(path))) {
        const entry = known?.recall(path) ?? (await readEntry(root, path, { buffer, pace, known }));
        if (entry !== null) entries.push(entry);
      }
    } catch (error) {
      if (!isGone(error)) return unreadable(root, path, error);
    }
    if (isDue(pace, PER_ENTRY)) await pause(pace);
    if (signal?.aborted === true) return interrupted();
  }
  return ok(entries);
}

interface Reading {
  readonly buffer: Buffer;
  readonly pace: Pace;
  readonly known: KnownFiles | undefined;
}

async function readEntry(root: string, path: string, reading: Reading): Promise<TreeEntry | null> {
  const onDisk = diskPath(root, path);
  const stats = lstatSync(onDisk, { throwIfNoEntry: false });
  if (stats?.isSymbolicLink())
    return { type: 'link', path, target: decodePath(readlinkSync(onDisk, 'buffer')) };
  if (!stats?.isFile()) return null;
  const same = reading.known?.recall(path, stats);
  if (same) return same;
  const content = await readContent(onDisk, stats.size, reading);
  const entry: FileEntry = { type: 'file', path, executable: isExecutable(stats.mode), ...content };
  reading.known?.remember(entry, stats);
  return entry;
}

async function readContent(
  onDisk: string | Buffer,
  size: number,
  { buffer, pace }: Reading,
): Promise<{ digest: string; size: number }> {
  const file = openSync(onDisk, OPEN_FLAGS);
  try {
    let read = readSync(file, buffer);
    pace.spent += read;
    if (read === size && size < buffer.length) return { digest: digestOf(buffer.subarray(0, read)), size };
    const content = createHash('sha256');
    let total = 0;
    for (; read > 0 && pace.signal?.aborted !== true; read = readSync(file, buffer)) {
      content.update(buffer.subarray(0, read));
      total += read;
      if (isDue(pace, read)) await pause(pace);
    }
    return { digest: `sha256:${content.digest('hex')}`, size: total };
  } finally {
    closeSync(file);
  }
}

/** How much was done, in bytes read, since the event loop last ran. */
interface Pace {
  spent: number;
  readonly signal: AbortSignal | undefined;
}

const isDue = (pace: Pace, cost: number): boolean => (pace.spent += cost) >= BETWEEN_PAUSES;

async function pause(pace: Pace): Promise<void> {
  pace.spent = 0;
  await setImmediate();
}

export const isExecutable = (mode: number): boolean => (mode & 0o100) !== 0;

/** Whether each step of a path below `root` is a folder and no link to one: git lists files behind such a link too. */
function folderLookup(root: string): (path: string) => boolean {
  const known = new Map<string, boolean>([['', true]]);
  const isFolder = (path: string): boolean => {
    let is = known.get(path);
    if (is === undefined) {
      const stats = isFolder(parentOf(path)) && lstatSync(diskPath(root, path), { throwIfNoEntry: false });
      is = stats !== false && stats?.isDirectory() === true;
      known.set(path, is);
    }
    return is;
  };
  return isFolder;
}

export interface Listing {
  /** Files, links and special files. */
  readonly paths: readonly string[];
  readonly emptyFolders: readonly string[];
}

/** All below `start` (relative to `root`) but what `leaves` says no to; links are not followed. Failures as `readEntries`. */
export async function listFolder(
  root: string,
  start: string,
  leaves: (path: string, isFolder: boolean) => boolean,
  signal?: AbortSignal,
): Promise<Outcome<Listing>> {
  const paths: string[] = [];
  const emptyFolders: string[] = [];
  const folders = [start];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    try {
      const children = readdirSync(diskPath(root, folder), { withFileTypes: true, encoding: 'buffer' });
      if (children.length === 0 && folder !== '') emptyFolders.push(folder);
      for (const child of children) {
        const path = joinPath(folder, decodePath(child.name));
        if (leaves(path, child.isDirectory())) continue;
        (child.isDirectory() ? folders : paths).push(path);
      }
    } catch (error) {
      if (!isGone(error)) return unreadable(root, folder, error);
    }
    if (folders.length % 64 === 0) await setImmediate();
    if (signal?.aborted === true) return interrupted();
  }
  return ok({ paths, emptyFolders });
}

export const digestOf = (content: Uint8Array): string => `sha256:${hash('sha256', content, 'hex')}`;

/** '' for what lies at the top. */
export const parentOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf('/'), 0));

export const joinPath = (folder: string, name: string): string =>
  folder === '' ? name : `${folder}/${name}`;

/** ELOOP: a link took the file's place after it was looked at. */
const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(errorCode(error));

/** `ENOENT` and the like; '' for what is no system error. */
export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

export const unreadable = (root: string, path: string, error: unknown): ReturnType<typeof fail> =>
  fail('environment', 'source-unreadable', `cannot read ${joinPath(root, path)}`, {
    hint: 'make it readable, or name it in .gitignore or .lockstepignore',
    cause: String(error),
  });

const interrupted = (): ReturnType<typeof fail> =>
  fail('environment', 'interrupted', 'reading the source tree was interrupted');
