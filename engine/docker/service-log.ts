// The log stream of a service → its last lines, for the error that may come.
import { FrameReader } from './log-stream.ts';

const keptLines = 50;
const keptBytes = 64 * 1024;

/** Reads until the stream ends. Memory is bounded, whatever the service writes. */
export class ServiceLog {
  readonly ended: Promise<void>;
  #tail = Buffer.alloc(0);

  constructor(stream: NodeJS.ReadableStream) {
    const frames = new FrameReader();
    stream.on('data', (chunk: Buffer) => {
      for (const { bytes } of frames.push(chunk)) this.#add(bytes);
    });
    this.ended = new Promise((resolve) => stream.once('close', resolve));
    stream.on('error', () => undefined);
  }

  lastLines(): string {
    const lines = this.#tail.toString('utf8').trimEnd().split('\n');
    return lines.slice(-keptLines).join('\n');
  }

  #add(bytes: Buffer): void {
    const all = Buffer.concat([this.#tail, bytes]);
    this.#tail = all.length > 2 * keptBytes ? Buffer.from(all.subarray(-keptBytes)) : all;
  }
}
