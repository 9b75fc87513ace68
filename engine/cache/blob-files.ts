// Bytes of any length ↔ zstd files named by the sha256 of what is in them, in bounded memory both ways.
import { createHash, type Hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { BlobWriter, RecordStore } from '../../src/contract/record-store.ts';
import type { Digest } from '../../src/model/record.ts';
import {
  digestFile,
  isMissing,
  openPartial,
  removeDamaged,
  type StoreFolder,
  tellUnreadable,
  tellUnwritable,
  touch,
  writeWhole,
} from './store-folder.ts';

/** What is held in memory before it goes through the compressor; a blob that is no longer never sees a stream. */
const heldBytes = 128 * 1024;
const chunkSize = 256 * 1024;
/** Our own need 2 MiB; a foreign file shall not make us take more than 8. */
const windowLog = 23;

/** Loaded when it is needed: 1 ms that a run without blobs does not pay. */
const zlib = (): typeof import('node:zlib') => process.getBuiltinModule('node:zlib');

type BlobFiles = Pick<RecordStore, 'blob' | 'hasBlob' | 'openBlob'>;

export function blobFiles(store: StoreFolder): BlobFiles {
  /** Where it is, if it is there; asking is a use. */
  const find = (digest: Digest): string | null => {
    const path = digestFile(store, 'blobs', digest);
    try {
      const stat = path === null ? undefined : statSync(path, { throwIfNoEntry: false });
      if (path === null || stat === undefined) return null;
      if (!stat.isFile()) return removeDamaged(store, path, 'blob');
      touch(store, path, stat.mtimeMs);
      return path;
    } catch (error) {
      if (!isMissing(error)) tellUnreadable(store, error);
      return null;
    }
  };
  return {
    blob(digest) {
      const path = find(digest);
      if (path === null) return Promise.resolve(null);
      const end = { verified: false };
      return Promise.resolve({ chunks: readBlob(store, path, digest, end), verified: () => end.verified });
    },
    hasBlob: (digest) => Promise.resolve(find(digest) !== null),
    openBlob: () => writeBlob(store),
  };
}

/** Opened when the first chunk is asked for: what goes away between is a miss, what goes away after is read whole. */
async function* readBlob(
  store: StoreFolder,
  path: string,
  digest: Digest,
  end: { verified: boolean },
): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (!isMissing(error)) tellUnreadable(store, error);
    return null;
  });
  if (file === null) return;
  const source = file.createReadStream({ highWaterMark: chunkSize });
  const { constants, createZstdDecompress } = zlib();
  const bytes = createZstdDecompress({ chunkSize, params: { [constants.ZSTD_d_windowLogMax]: windowLog } });
  const seen = createHash('sha256');
  source.on('error', (error) => bytes.destroy(error));
  try {
    for await (const chunk of source.pipe(bytes) as AsyncIterable<Buffer>) {
      seen.update(chunk);
      yield chunk;
    }
    end.verified = `sha256:${seen.digest('hex')}` === digest;
    if (!end.verified) removeDamaged(store, path, 'blob');
  } catch {
    removeDamaged(store, path, 'blob');
  } finally {
    source.destroy();
    bytes.destroy();
  }
}

function writeBlob(store: StoreFolder): BlobWriter {
  const seen = createHash('sha256');
  let held: Uint8Array[] = [];
  let size = 0;
  let stream: Promise<CompressedFile | null> | null = null;
  let ended = false;
  const end = (): void => {
    if (ended) throw new Error('the blob is finished or discarded already');
    ended = true;
  };
  /** In the order of the calls, even when the callers do not wait for one another. */
  const flush = (): Promise<void> => {
    const bytes = take();
    const flushed = (stream ?? openCompressed(store)).then(async (file) => {
      await file?.write(bytes);
      return file;
    });
    stream = flushed;
    return flushed.then(() => undefined);
  };
  const take = (): Buffer => {
    const bytes = Buffer.concat(held);
    held = [];
    size = 0;
    seen.update(bytes);
    return bytes;
  };
  return {
    write(chunk) {
      if (ended) throw new Error('a write after the end of the blob');
      held.push(Buffer.from(chunk));
      size += chunk.length;
      return size < heldBytes ? Promise.resolve() : flush();
    },
    async finish() {
      end();
      if (stream === null) {
        const bytes = take();
        return keep(store, seen, (path) => writeWhole(store, path, zlib().zstdCompressSync(bytes)));
      }
      await flush();
      const file = await stream;
      return file && keep(store, seen, (path) => file.place(path));
    },
    async discard() {
      end();
      await (await stream)?.drop();
    },
  };
}

async function keep(
  store: StoreFolder,
  seen: Hash,
  place: (path: string) => Promise<boolean>,
): Promise<Digest | null> {
  const digest = `sha256:${seen.digest('hex')}`;
  const path = digestFile(store, 'blobs', digest);
  return path !== null && (await place(path)) ? digest : null;
}

/** As `PartialFile`, but what is written is compressed; what goes wrong on the way is known at `place`. */
interface CompressedFile {
  write(bytes: Uint8Array): Promise<void>;
  place(path: string): Promise<boolean>;
  drop(): Promise<void>;
}

async function openCompressed(store: StoreFolder): Promise<CompressedFile | null> {
  const partial = await openPartial(store);
  if (partial === null) return null;
  const compressor = zlib().createZstdCompress({ chunkSize });
  let dropped = false;
  let written = 0;
  const pump = async (): Promise<boolean> => {
    try {
      for await (const chunk of compressor as AsyncIterable<Buffer>) {
        await partial.handle.writeFile(chunk);
        written += chunk.length;
      }
      return true;
    } catch (error) {
      if (!dropped) tellUnwritable(store, error);
      return false;
    }
  };
  const pumped = pump();
  const drop = async (): Promise<void> => {
    dropped = true;
    compressor.destroy();
    await pumped;
    await partial.drop();
  };
  return {
    // After the disk refused, a write may never be called back.
    async write(bytes) {
      await Promise.race([
        pumped,
        new Promise<void>((resolve) => void compressor.write(bytes, () => resolve())),
      ]);
    },
    drop,
    async place(path) {
      compressor.end();
      if (!(await pumped)) {
        await drop();
        return false;
      }
      if (!(await partial.place(path))) return false;
      store.added += written;
      return true;
    },
  };
}
