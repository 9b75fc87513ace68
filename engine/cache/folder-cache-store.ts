// A folder that a CI platform keeps from one machine to the next → a cache store.
//
// An entry is one file, named by the sha256 of its key: the content, then a JSON line (key, time, sha256 of content and
// the rest), the line's length, and a mark. All that matters is in the bytes, since platforms lose names' case and times
// of files when they pack such a folder. The time of the file says only when it was last used.
// A damaged entry is removed and is a miss: the place itself works, and the next run writes it anew.
import { createHash, hash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, link, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheAnswer, CacheReceipt, CacheRequest, CacheStore } from '../../src/contract/cache-store.ts';
import { errorCode } from '../disk-tree.ts';
import { makeFolder } from '../make-folder.ts';

export interface FolderCacheOptions {
  /** Made when something is put. */
  readonly folder: string;
  /** Of all entries; above it the least recently used go. Default: 10 GiB. */
  readonly maxBytes?: number;
  readonly now?: () => number;
}

export function folderCacheStore(options: FolderCacheOptions): CacheStore {
  const { folder, maxBytes = 10 * 2 ** 30, now = Date.now } = options;
  const find = async (request: CacheRequest, take: Take): Promise<CacheAnswer> => {
    let damaged: string | undefined;
    try {
      for await (const entry of candidates(folder, request, now())) {
        if (entry.found !== 'damaged' && (await take(entry.found))) {
          await utimes(entry.path, now() / 1000, now() / 1000).catch(() => undefined);
          return { kind: 'hit', key: entry.found.key };
        }
        damaged = `a damaged entry of ${folder} is not used and was removed`;
        await rm(entry.path, { force: true }).catch(() => undefined);
      }
      return damaged === undefined ? { kind: 'miss' } : { kind: 'miss', damaged };
    } catch (error) {
      return outage(folder, error);
    }
  };
  return {
    name: `the folder ${folder}`,
    look: (request) => find(request, () => Promise.resolve(true)),
    get: (request, into, heard) => find(request, (entry) => copyOut(entry, into, heard)),
    put: (key, file, heard) => put({ folder, maxBytes, now }, key, file, heard),
  };
}

interface Entry {
  readonly path: string;
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly created: number;
  readonly sha256: string;
  /** Of the content. */
  readonly bytes: number;
}

/** False: its content is not what it was. */
type Take = (entry: Entry) => Promise<boolean>;

interface Candidate {
  readonly path: string;
  readonly found: Entry | 'damaged';
}

const mark = 'lscache1';
const tailBytes = mark.length + 4;
const longestLine = 4096;
const chunkBytes = 1 << 20;
const partialSuffix = '.partial';
/** Of a file that is being written: its time moves on as long as somebody does. */
const abandonedMs = 3600_000;

const fileName = (key: string): string => hash('sha256', key);
const isEntry = (name: string): boolean => /^[0-9a-f]{64}$/.test(name);

/** In the order in which they answer. */
async function* candidates(folder: string, request: CacheRequest, now: number): AsyncGenerator<Candidate> {
  const { key, prefixes = [] } = request;
  if (key !== undefined) {
    const path = join(folder, fileName(key));
    const found = await readEntry(path);
    if (found !== null) yield { path, found };
  }
  if (prefixes.length === 0) return;
  const all: Entry[] = [];
  for (const name of (await namesIn(folder)).filter(isEntry)) {
    const found = await readEntry(join(folder, name));
    // Whose it was cannot be told, so nobody is answered with less than they asked for.
    if (found !== null && found !== 'damaged') all.push(found);
  }
  // A time to come is a clock that jumped.
  const age = ({ created }: Entry): number => Math.min(created, now);
  all.sort((a, b) => age(b) - age(a) || (a.key < b.key ? 1 : -1));
  for (const prefix of prefixes) {
    for (const found of all.filter((entry) => entry.key.startsWith(prefix)))
      yield { path: found.path, found };
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  }
}

async function withFile<T>(path: string, act: (file: FileHandle) => Promise<T>): Promise<T | null> {
  let file: FileHandle;
  try {
    // A pipe without a writer would be waited for, even by the end of this process.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
  try {
    return await act(file);
  } finally {
    await file.close();
  }
}

const readEntry = (path: string): Promise<Entry | 'damaged' | null> =>
  withFile(path, async (file) => {
    const { size } = await file.stat();
    const tail = Buffer.alloc(Math.min(size, tailBytes + longestLine));
    const { bytesRead } = await file.read(tail, 0, tail.length, size - tail.length);
    const length = bytesRead < tailBytes ? 0 : tail.readUInt32BE(tail.length - tailBytes);
    const isWhole = tail.toString('latin1', tail.length - mark.length) === mark;
    if (bytesRead < tail.length || !isWhole || length > tail.length - tailBytes) return 'damaged';
    const end = tail.length - tailBytes;
    const line = parseLine(tail.toString('utf8', end - length, end));
    if (line === null || !path.endsWith(fileName(line.key))) return 'damaged';
    return { path, ...line, bytes: size - tailBytes - length };
  });

function parseLine(text: string): Pick<Entry, 'key' | 'created' | 'sha256'> | null {
  try {
    const [key, created, sha256] = JSON.parse(text) as unknown[];
    const fits = typeof key === 'string' && typeof created === 'number' && typeof sha256 === 'string';
    return fits ? { key, created, sha256 } : null;
  } catch {
    return null;
  }
}

/** Of the content, its key and its time. */
const sealOf = (content: ReturnType<typeof createHash>, key: string, created: number): string =>
  content.update(JSON.stringify([key, created])).digest('hex');

/** Leaves nothing at `into` when it gives false. */
async function copyOut(entry: Entry, into: string, heard?: () => void): Promise<boolean> {
  const copied = await withFile(entry.path, async (file) => {
    const out = await open(into, 'w', 0o600);
    try {
      const seen = await copyBytes(file, out, entry.bytes, heard);
      return sealOf(seen, entry.key, entry.created) === entry.sha256;
    } finally {
      await out.close();
    }
  });
  if (copied !== true) await rm(into, { force: true });
  return copied ?? false;
}

async function copyBytes(from: FileHandle, to: FileHandle, bytes: number, heard?: () => void) {
  const seen = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(bytes, 1)));
  for (let at = 0; at < bytes;) {
    const { bytesRead } = await from.read(buffer, 0, Math.min(buffer.length, bytes - at), at);
    if (bytesRead === 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    seen.update(chunk);
    await to.writeFile(chunk);
    at += bytesRead;
    heard?.();
  }
  return seen;
}

async function put(
  { folder, maxBytes, now }: Required<FolderCacheOptions>,
  key: string,
  file: string,
  heard?: () => void,
): Promise<CacheReceipt> {
  const path = join(folder, fileName(key));
  const partial = `${path}.${randomBytes(6).toString('hex')}${partialSuffix}`;
  try {
    const existing = await readEntry(path);
    if (existing !== null && existing !== 'damaged') return { kind: 'exists' };
    if ((await stat(file)).size > maxBytes)
      return declined(`it is larger than the whole of ${folder} may be`);
    makeFolder(folder);
    await writeEntry(partial, key, file, now(), heard);
    const placed = await place(partial, path, existing === 'damaged');
    if (placed) await tidy(folder, maxBytes, path, now());
    return { kind: placed ? 'stored' : 'exists' };
  } catch (error) {
    const code = errorCode(error);
    if (['EROFS', 'EACCES', 'EPERM'].includes(code)) return declined(`${folder} cannot be written`);
    if (['ENOSPC', 'EDQUOT'].includes(code)) return declined(`no space left in ${folder}`);
    return outage(folder, error);
  } finally {
    await rm(partial, { force: true }).catch(() => undefined);
  }
}

async function writeEntry(
  partial: string,
  key: string,
  file: string,
  created: number,
  heard?: () => void,
): Promise<void> {
  await using out = await open(partial, 'wx', 0o600);
  const seen = await withFile(file, async (from) => copyBytes(from, out, (await from.stat()).size, heard));
  if (seen === null) throw new Error(`there is no file ${file}`);
  const line = Buffer.from(JSON.stringify([key, created, sealOf(seen, key, created)]));
  const tail = Buffer.alloc(tailBytes);
  tail.writeUInt32BE(line.length);
  tail.write(mark, 4, 'latin1');
  await out.writeFile(Buffer.concat([line, tail]));
  await out.utimes(created / 1000, created / 1000);
  await out.sync();
}

/** The first of many wins: a link does not replace. */
async function place(partial: string, path: string, replace: boolean): Promise<boolean> {
  if (replace) {
    await rename(partial, path);
    return true;
  }
  try {
    await link(partial, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK'].includes(errorCode(error))) throw error;
    await rename(partial, path); // A file system without links; two who come at once write the same.
    return true;
  }
}

/** The least recently used go, but never what was just put; and what nobody is writing any more. */
async function tidy(folder: string, maxBytes: number, justPut: string, now: number): Promise<void> {
  const files: { path: string; bytes: number; usedAt: number }[] = [];
  for (const name of await namesIn(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    if (found === null) continue;
    if (isEntry(name)) files.push({ path, bytes: found.size, usedAt: found.mtimeMs });
    else if (name.endsWith(partialSuffix) && now - found.mtimeMs > abandonedMs)
      await rm(path, { force: true });
  }
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  for (const file of files.sort((a, b) => a.usedAt - b.usedAt)) {
    if (bytes <= maxBytes) return;
    if (file.path === justPut) continue;
    await rm(file.path, { force: true });
    bytes -= file.bytes;
  }
}

const declined = (because: string): CacheReceipt => ({ kind: 'declined', because });

function outage(folder: string, error: unknown): { readonly kind: 'outage'; readonly message: string } {
  if (errorCode(error) === '') throw error;
  return { kind: 'outage', message: `cannot use the folder ${folder}: ${String(error)}` };
}
