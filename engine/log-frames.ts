// What a step writes, piece by piece, ↔ the bytes of a recorded log: per piece one byte of stream, four of length, the bytes.
import type { BlobWriter } from '../src/contract/record-store.ts';
import type { LogStream } from '../src/model/event.ts';
import type { LogFrame, RecordedLog } from '../src/model/record.ts';

/** Logs up to this many bytes lie in the record itself: one file to write and to read. */
const inlineBytes = 16 * 1024;
const headerBytes = 5;
/** No piece is longer: what a reader holds in memory. */
const largestFrame = 1 << 20;

const encodeFrame = (stream: LogStream, chunk: Uint8Array): Buffer => {
  const header = Buffer.alloc(headerBytes);
  header.writeUInt8(stream === 'stdout' ? 1 : 2, 0);
  header.writeUInt32BE(chunk.length, 1);
  return Buffer.concat([header, chunk]);
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
  let held: Buffer[] = [];
  let size = 0;
  let blob: BlobWriter | null = null;
  return {
    write(stream, chunk) {
      const frames: Buffer[] = [];
      for (let at = 0; at < chunk.length; at += largestFrame) {
        frames.push(encodeFrame(stream, chunk.subarray(at, at + largestFrame)));
      }
      size += chunk.length;
      held.push(...frames);
      if (blob === null && size <= inlineBytes) return;
      blob ??= openBlob();
      const bytes = Buffer.concat(held);
      held = [];
      return blob.write(bytes);
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
