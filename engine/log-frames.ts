// What a step writes, piece by piece, ↔ the bytes of a recorded log: per piece one byte of stream, four of length, the bytes.
import type { BlobWriter } from '../src/contract/record-store.ts';
import type { LogStream } from '../src/model/event.ts';
import type { LogFrame, RecordedLog } from '../src/model/record.ts';

/** Logs up to this many bytes lie in the record itself: one file to write and to read. */
const inlineBytes = 16 * 1024;
const headerBytes = 5;
/** No piece is longer: what a reader holds in memory. */
const largestFrame = 1 << 20;

const headerOf = (stream: LogStream, length: number): Buffer => {
  const header = Buffer.allocUnsafe(headerBytes);
  header.writeUInt8(stream === 'stdout' ? 1 : 2, 0);
  header.writeUInt32BE(length, 1);
  return header;
};

export interface LogRecording {
  /** Waits where the disk is slow. */
  write(stream: LogStream, chunk: Uint8Array): Promise<void> | void;
  /** Null: there was no room for it. */
  finish(): Promise<RecordedLog | null>;
  discard(): Promise<void>;
}

/** `openBlob` is called when the log turns out to be long. */
export function recordLog(openBlob: () => BlobWriter): LogRecording {
  let held: Uint8Array[] = [];
  let size = 0;
  let blob: BlobWriter | null = null;
  return {
    write(stream, chunk) {
      for (let at = 0; at < chunk.length; at += largestFrame) {
        const piece = chunk.subarray(at, at + largestFrame);
        held.push(headerOf(stream, piece.length), piece);
      }
      size += chunk.length;
      if (blob === null && size <= inlineBytes) return undefined;
      const writer = (blob ??= openBlob());
      const writes = held.map((bytes) => writer.write(bytes));
      held = [];
      return Promise.all(writes).then(() => undefined);
    },
    async finish() {
      if (blob === null) return { frames: Buffer.concat(held).toString('base64') };
      const digest = await blob.finish();
      return digest === null ? null : { blob: digest };
    },
    discard: async () => blob?.discard(),
  };
}

/** The pieces of a recorded log; one that is cut ends early. */
export async function* readFrames(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<LogFrame> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    for (;;) {
      if (rest.length < headerBytes) break;
      const length = rest.readUInt32BE(1);
      if (length > largestFrame) return;
      if (rest.length < headerBytes + length) break;
      yield {
        stream: rest[0] === 1 ? 'stdout' : 'stderr',
        chunk: rest.subarray(headerBytes, headerBytes + length),
      };
      rest = rest.subarray(headerBytes + length);
    }
  }
}
