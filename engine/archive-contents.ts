// A file that may be gzip or zip → the files inside as they were before, of those that are such archives too the files in them.
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream';
import type { InflateRaw } from 'node:zlib';
import type { Entry, RandomAccessReader, ZipFile } from 'yauzl';
import { decodePath } from '../src/model/path-bytes.ts';

export interface InnerFile {
  /** In an archive within the archive: `app.tgz: app.tar`. */
  readonly name: string;
  /** To be read before the next file is asked for. Ends early where the archive is damaged. */
  readonly content: AsyncIterable<Uint8Array>;
}

/** All that is inflated of one file, in bytes: a bomb ends here. */
const mostInflated = 1 << 30;
/** What each inner file, and each member of a gzip, counts for besides: millions of empty ones take long too. */
const leastPerFile = 4096;
const leastPerMember = 1 << 15;
const deepest = 3;
/** Of an archive within an archive so much is held in memory and looked into. */
const mostHeld = 32 << 20;
const mostRead = 1 << 16;
/** Not worth a stream; makes 16 MiB at most. */
const mostAtOnce = 1 << 14;
const mostGzipHeader = 4096;

const zlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib');

/** By what the file begins with: 4 bytes are enough. */
export const isArchive = (head: Uint8Array): boolean => kindOf(head) !== null;

function kindOf(head: Uint8Array): 'gzip' | 'zip' | null {
  const [a, b, c, d] = head;
  if (a === 0x1f && b === 0x8b) return 'gzip';
  return a === 0x50 && b === 0x4b && ((c === 3 && d === 4) || (c === 5 && d === 6)) ? 'zip' : null;
}

/**
 * As far as it can be read: of what is damaged, encrypted or beyond `most` bytes there is nothing or the beginning. `name`
 * is the file's own, for the name of what a gzip holds. Rejects only when the disk cannot be read.
 */
export async function* archiveContents(
  path: string | Buffer,
  name: string,
  most = mostInflated,
): AsyncGenerator<InnerFile, void, undefined> {
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const read: Source['read'] = async (at, length) => {
      if (at >= size) return Buffer.alloc(0);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
      return buffer.subarray(0, bytesRead);
    };
    yield* contentsOf({ size, read }, name, { left: most }, deepest);
  } finally {
    await file.close();
  }
}

interface Source {
  readonly size: number;
  /** Fewer bytes only at the end, none behind it. */
  readonly read: (at: number, length: number) => Promise<Buffer>;
}

interface Allowance {
  left: number;
}

async function* contentsOf(
  source: Source,
  name: string,
  allowance: Allowance,
  depth: number,
): AsyncGenerator<InnerFile, void, undefined> {
  const kind = kindOf(await source.read(0, 4));
  if (kind === null || depth === 0) return;
  const files =
    kind === 'zip' ? unzip(source) : [{ name: nameWithout(name), content: gunzip(source, allowance) }];
  for await (const file of untilDamage(files)) {
    allowance.left -= leastPerFile;
    if (allowance.left <= 0) return;
    const held: Uint8Array[] = [];
    yield { name: file.name, content: holdArchive(within(allowance, untilDamage(file.content)), held) };
    const inner = contentsOf(inMemory(held.splice(0)), file.name, allowance, depth - 1);
    for await (const { name: innerName, content } of inner)
      yield { name: `${file.name}: ${innerName}`, content };
  }
}

/** What gunzip would name it. */
const nameWithout = (path: string): string =>
  path
    .slice(path.lastIndexOf('/') + 1)
    .replace(/\.tgz$/i, '.tar')
    .replace(/\.gz$/i, '');

/** What was read before the damage; zlib and yauzl say in many ways what is wrong, the disk names its system call. */
async function* untilDamage<Item>(items: AsyncIterable<Item> | Iterable<Item>): AsyncGenerator<Item> {
  try {
    yield* items;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
  }
}

async function* within(allowance: Allowance, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of content) {
    if (allowance.left <= 0) return;
    yield chunk.subarray(0, allowance.left);
    allowance.left -= chunk.length;
  }
}

/** Passes `content` on; if that is an archive, `held` has it afterwards. */
async function* holdArchive(
  content: AsyncIterable<Uint8Array>,
  held: Uint8Array[],
): AsyncGenerator<Uint8Array> {
  let size = 0;
  let holds = true;
  for await (const chunk of content) {
    size += chunk.length;
    holds &&= size <= mostHeld && (held.length > 0 || isArchive(chunk));
    if (holds) held.push(chunk);
    yield chunk;
  }
}

function inMemory(chunks: readonly Uint8Array[]): Source {
  const bytes = Buffer.concat(chunks);
  return {
    size: bytes.length,
    read: (at, length) => Promise.resolve(bytes.subarray(at, at + length)),
  };
}

async function* chunksOf({ read }: Source, from: number, to: number): AsyncGenerator<Buffer> {
  for (let at = from; at < to;) {
    const chunk = await read(at, Math.min(to - at, mostRead));
    if (chunk.length === 0) return;
    at += chunk.length;
    yield chunk;
  }
}

/** All members as one. Not zlib's own gunzip: that loses what it has when garbage follows. */
async function* gunzip(source: Source, allowance: Allowance): AsyncGenerator<Uint8Array> {
  for (let at = 0; allowance.left > 0; allowance.left -= leastPerMember) {
    const header = gzipHeaderLength(await source.read(at, mostGzipHeader));
    if (header === null) return;
    const inflater = createInflater();
    yield* inflate(chunksOf(source, at + header, source.size), inflater);
    at += header + inflater.bytesWritten + gzipTrailer;
  }
}

const gzipTrailer = 8;

/** Null: what is there is no header. */
function gzipHeaderLength(bytes: Buffer): number | null {
  const flags = bytes[3] ?? 0;
  if (bytes.length < 12 || kindOf(bytes) !== 'gzip') return null;
  let length = 10;
  if (flags & 0x04) length += 2 + bytes.readUInt16LE(length);
  for (const text of [0x08, 0x10]) if (flags & text) length = bytes.indexOf(0, length) + 1 || bytes.length;
  if (flags & 0x02) length += 2;
  return length < bytes.length ? length : null;
}

/** What is cut counts as whole. */
const lenient = () => ({ finishFlush: zlib().constants.Z_SYNC_FLUSH });
const createInflater = (): InflateRaw => zlib().createInflateRaw(lenient());

async function* inflate(
  deflated: AsyncIterable<Uint8Array>,
  inflater: InflateRaw = createInflater(),
): AsyncGenerator<Uint8Array> {
  // Its errors come from the loop too.
  pipeline(deflated, inflater, () => undefined);
  try {
    yield* inflater as AsyncIterable<Uint8Array>;
  } finally {
    inflater.destroy();
  }
}

async function* unzip(source: Source): AsyncGenerator<InnerFile> {
  const { RandomAccessReader, fromRandomAccessReaderPromise } = await import('yauzl');
  // yauzl's own reader of files throws where nobody can catch it when a damaged zip names a place beyond 2^53.
  const reader = new (class extends RandomAccessReader {
    override read(
      ...[into, offset, length, position, callback]: Parameters<RandomAccessReader['read']>
    ): void {
      source.read(position, length).then((bytes) => {
        bytes.copy(into, offset);
        callback(bytes.length === length ? null : new Error('it ends there'));
      }, callback);
    }
  })();
  // Names as they are: yauzl goes no further when it does not like one. Sizes that lie are no reason to stop either.
  const options = { autoClose: false, decodeStrings: false, validateEntrySizes: false };
  const zip = await fromRandomAccessReaderPromise(reader, source.size, options);
  for await (const entry of zip.eachEntry())
    yield { name: decodePath(entry.fileNameRaw), content: entryContent(source, zip, entry) };
}

async function* entryContent(source: Source, zip: ZipFile, entry: Entry): AsyncGenerator<Uint8Array> {
  if (!entry.canDecodeFileData()) return;
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const { compressedSize: size, compressionMethod: method } = entry;
  const stored = chunksOf(source, fileDataStart, fileDataStart + size);
  if (method === 0) yield* stored;
  else if (size > mostAtOnce) yield* inflate(stored);
  else yield zlib().inflateRawSync(await source.read(fileDataStart, size), lenient());
}
