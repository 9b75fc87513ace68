// A stream of unknown length → its size and digest, and its bytes once more: from memory while it is small, else from a file.
import { createHash, randomUUID } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Spooled extends AsyncDisposable {
  readonly size: number;
  /** `sha256:…`. */
  readonly digest: string;
  /** Again from the start with each call. */
  chunks(): AsyncGenerator<Uint8Array, void, undefined>;
}

const pieceBytes = 1 << 20;

/** Rejects with what `source` rejects with, or when the folder for temporary files takes no more. */
export async function spool(source: AsyncIterable<Uint8Array>): Promise<Spooled> {
  const hash = createHash('sha256');
  let size = 0;
  let piece: Uint8Array[] = [];
  let pieceSize = 0;
  let file: FileHandle | null = null;
  try {
    for await (const chunk of source) {
      hash.update(chunk);
      size += chunk.length;
      pieceSize += chunk.length;
      piece.push(chunk);
      if (pieceSize <= pieceBytes) continue;
      file ??= await unnamedFile();
      await file.writeFile(Buffer.concat(piece));
      piece = [];
      pieceSize = 0;
    }
  } catch (error) {
    await file?.close();
    throw error;
  }
  return {
    size,
    digest: `sha256:${hash.digest('hex')}`,
    async *chunks() {
      if (file !== null) yield* piecesOf(file, size - pieceSize);
      yield* piece;
    },
    [Symbol.asyncDispose]: async () => file?.close(),
  };
}

/** Gone when it is closed or this process dies, however it does. */
async function unnamedFile(): Promise<FileHandle> {
  const path = join(tmpdir(), `lockstep-${randomUUID()}`);
  const file = await open(path, 'wx+', 0o600);
  await unlink(path);
  return file;
}

async function* piecesOf(file: FileHandle, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < size;) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, at);
    if (bytesRead === 0) throw new Error('a temporary file became shorter');
    const piece = buffer.subarray(0, Math.min(bytesRead, size - at));
    at += piece.length;
    yield piece;
  }
}
