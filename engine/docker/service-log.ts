// The log stream of a service → its last lines, masked, for the error that may come.
import type { Redactor } from '../../src/contract/redactor.ts';
import type { LogStream } from '../../src/model/event.ts';
import { FrameReader } from './log-stream.ts';

const keptLines = 50;
const keptBytes = 64 * 1024;

/** Reads until the stream ends. Memory is bounded, whatever the service writes. Masked before it is cut, or a part could show. */
export class ServiceLog {
  readonly ended: Promise<void>;
  #tail = Buffer.alloc(0);
  #rest: (() => void) | null;

  constructor(stream: NodeJS.ReadableStream, redactor: Pick<Redactor, 'stream'>) {
    const frames = new FrameReader();
    const masked = { stdout: redactor.stream(), stderr: redactor.stream() } satisfies Record<
      LogStream,
      unknown
    >;
    stream.on('data', (chunk: Buffer) => {
      for (const { stream: from, bytes } of frames.push(chunk))
        if (this.#rest !== null) this.#add(masked[from].push(bytes));
    });
    this.#rest = () => [masked.stdout, masked.stderr].forEach((one) => this.#add(one.end()));
    this.ended = new Promise((resolve) => stream.once('close', resolve));
    stream.on('error', () => undefined);
  }

  /** What comes after the first call is in none of its answers. */
  lastLines(): string {
    this.#rest?.();
    this.#rest = null;
    const lines = this.#tail.toString('utf8').trimEnd().split('\n');
    return lines.slice(-keptLines).join('\n');
  }

  #add(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#tail, bytes]);
    this.#tail = all.length > 2 * keptBytes ? Buffer.from(all.subarray(-keptBytes)) : all;
  }
}
