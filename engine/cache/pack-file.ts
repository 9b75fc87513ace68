// Streams of bytes and a JSON value ↔ one file that travels: each part can be read by itself, and none is trusted.
//
// Layout: the parts, one after the other, each a zstd frame of its own; the index, a zstd frame of JSON
// `{"parts": {NAME: {at, stored, bytes, sha256}}, "body": …}`; 52 bytes at the end: where the index lies (8 bytes, big
// endian), its length there (4) and unpacked (4), its sha256 as it lies there (32), `LSP1`. See docs/cache-pack.md.
import { createHash, hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import type { ZstdOptions } from 'node:zlib';
import * as z from 'zod';

/** What a pack that is worth its journey does not reach, and a disk can take. */
const largestPack = 8 * 2 ** 30;
/** Held in memory. */
const largestIndex = 32 << 20;
const footerBytes = 52;
const mark = 'LSP1';
/** Our own frames need 2 MiB; foreign ones shall not take more than 8. */
const windowLog = 23;

/** Cut, changed, or not what it says it is. */
export class Broken extends Error {}

const zlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib');

const whole = z.int().min(0);
const partSchema = z.object({ at: whole, stored: whole, bytes: whole, sha256: z.string() });
const indexSchema = z.object({ parts: z.record(z.string(), partSchema), body: z.unknown() });
export type Part = z.infer<typeof partSchema>;

export interface PackWriter extends AsyncDisposable {
  /** Rejects with what `content` or the disk does, and with `Broken` when the whole becomes larger than any reader takes. */
  add(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  has(name: string): boolean;
  /** As if it had not been added; its bytes stay. */
  forget(name: string): void;
  /** The last call. */
  finish(body: unknown): Promise<void>;
}

export async function writePackFile(path: string, maxBytes = largestPack): Promise<PackWriter> {
  const file = await open(path, 'wx', 0o600);
  const parts = new Map<string, Part>();
  let at = 0;
  let left = maxBytes;
  const write = async (bytes: Uint8Array): Promise<void> => {
    await file.writeFile(bytes);
    at += bytes.length;
  };
  return {
    async add(name, content) {
      const start = at;
      const seen = createHash('sha256');
      let bytes = 0;
      const counted = async function* (): AsyncGenerator<Uint8Array> {
        for await (const chunk of content) {
          seen.update(chunk);
          bytes += chunk.length;
          left -= chunk.length;
          if (left < 0) throw new Broken('it is too large');
          yield chunk;
        }
      };
      for await (const chunk of compressed(counted())) await write(chunk);
      parts.set(name, { at: start, stored: at - start, bytes, sha256: seen.digest('hex') });
    },
    has: (name) => parts.has(name),
    forget: (name) => void parts.delete(name),
    async finish(body) {
      const text = Buffer.from(JSON.stringify({ parts: Object.fromEntries(parts), body }));
      const index = zlib().zstdCompressSync(text);
      const footer = Buffer.alloc(footerBytes);
      footer.writeBigUInt64BE(BigInt(at), 0);
      footer.writeUInt32BE(index.length, 8);
      footer.writeUInt32BE(text.length, 12);
      footer.write(hash('sha256', index), 16, 'hex');
      footer.write(mark, 48, 'latin1');
      await write(index);
      await write(footer);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

export interface PackFile {
  readonly body: unknown;
  readonly parts: ReadonlyMap<string, Part>;
  /** Throws `Broken`, at the latest where its end should be; never gives more bytes than the part says. */
  read(part: Part): AsyncGenerator<Uint8Array, void, undefined>;
}

/** Reads the index alone. Throws `Broken`, or what the disk says. */
export async function readPackFile(path: string): Promise<PackFile> {
  await using file = await open(path, 'r');
  const { size } = await file.stat();
  const footer = await readExactly(file, size - footerBytes, footerBytes);
  if (footer.toString('latin1', 48) !== mark) throw new Broken('it is no pack');
  const at = Number(footer.readBigUInt64BE(0));
  const stored = footer.readUInt32BE(8);
  const bytes = footer.readUInt32BE(12);
  if (at + stored !== size - footerBytes || stored > largestIndex || bytes > largestIndex)
    throw new Broken('its index is not where it should be');
  const index = await readExactly(file, at, stored);
  if (hash('sha256', index) !== footer.toString('hex', 16, 48)) throw new Broken('its index was changed');
  const { parts, body } = parseIndex(index, bytes);
  const map = new Map(Object.entries(parts));
  const all = [...map.values()];
  if (all.some((part) => part.at + part.stored > at)) throw new Broken('a part lies outside of it');
  if (all.reduce((sum, part) => sum + part.bytes, 0) > largestPack) throw new Broken('it is too large');
  return { body, parts: map, read: (part) => readPart(path, part) };
}

function parseIndex(index: Buffer, bytes: number): z.infer<typeof indexSchema> {
  try {
    const text = zlib().zstdDecompressSync(index, { maxOutputLength: bytes, ...bounded() });
    return indexSchema.parse(JSON.parse(text.toString('utf8')));
  } catch (error) {
    throw new Broken(`its index cannot be read: ${String(error)}`);
  }
}

async function readExactly(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  if (at < 0) throw new Broken('it is cut');
  const buffer = Buffer.alloc(bytes);
  const { bytesRead } = await file.read(buffer, 0, bytes, at);
  if (bytesRead !== bytes) throw new Broken('it is cut');
  return buffer;
}

async function* readPart(path: string, part: Part): AsyncGenerator<Uint8Array, void, undefined> {
  if (part.stored === 0) throw new Broken('a part is cut');
  const source = createReadStream(path, { start: part.at, end: part.at + part.stored - 1 });
  const seen = createHash('sha256');
  let bytes = 0;
  for await (const chunk of decompressed(source)) {
    bytes += chunk.length;
    if (bytes > part.bytes) throw new Broken('a part is larger than it says');
    seen.update(chunk);
    yield chunk;
  }
  if (bytes !== part.bytes || seen.digest('hex') !== part.sha256) throw new Broken('a part was changed');
}

/** As one zstd frame, with a checksum. Rejects with what `content` does. */
export async function* compressed(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { constants, createZstdCompress } = zlib();
  const out = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const { Readable, pipeline } = process.getBuiltinModule('node:stream');
  pipeline(Readable.from(content, { objectMode: false }), out, () => undefined);
  for await (const chunk of out as AsyncIterable<Uint8Array>) yield chunk;
}

/** Throws `Broken` where the frame is damaged or ends early. */
export async function* decompressed(source: Readable): AsyncGenerator<Uint8Array> {
  const out = zlib().createZstdDecompress(bounded());
  process.getBuiltinModule('node:stream').pipeline(source, out, () => undefined);
  try {
    for await (const chunk of out as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    throw new Broken(`it cannot be unpacked: ${String(error)}`);
  } finally {
    source.destroy();
    out.destroy();
  }
}

const bounded = (): ZstdOptions => ({ params: { [zlib().constants.ZSTD_d_windowLogMax]: windowLog } });
