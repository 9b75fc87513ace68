// The container's main shell, asked over its attached stdin: what needs root and must not cost an exec.
import { Duplex } from 'node:stream';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { FrameReader, MarkReader, markStart } from './log-stream.ts';
import { controlPrelude } from './control-prelude.ts';
import { endOfAnswer, killAllRequest, signalRequest } from './step-script.ts';

/** What the shell said: marks, and the bytes after each. */
export class Answer {
  readonly #sections: ReadonlyMap<string, readonly Buffer[]>;

  constructor(sections: ReadonlyMap<string, readonly Buffer[]>) {
    this.#sections = sections;
  }

  has(mark: string): boolean {
    return this.#sections.has(mark);
  }

  /** What follows the word in the first mark that begins with it. */
  word(word: string): string | null {
    const mark = [...this.#sections.keys()].find((text) => text.startsWith(`${word} `));
    return mark?.slice(word.length + 1) ?? null;
  }

  /** The bytes after the mark; of more than `maxSection` the first `maxSection` + 1. */
  bytes(mark: string): Uint8Array {
    return Buffer.concat(this.#sections.get(mark) ?? []);
  }
}

/** Bound of what a step may leave as outputs or as a summary, bytes. */
export const maxSection = 1024 * 1024;

const answerMs = 20_000;
const killMs = 10_000;
const politeMs = 1_000;

export const newMarker = (): string => `${markStart}${randomBytes(16).toString('hex')}`;

/** Owns the attached stream: when it is destroyed or this process dies, the container ends. */
export class ControlShell {
  readonly #stream: Duplex;
  readonly #frames = new FrameReader();
  readonly #chunks: AsyncIterator<Buffer>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(attached: NodeJS.ReadWriteStream) {
    if (!(attached instanceof Duplex)) throw new TypeError('an attached stream is a socket');
    const stream = attached;
    this.#stream = stream;
    stream.on('error', () => undefined);
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    stream.write(controlPrelude);
  }

  /** Null when the shell is gone or does not answer any more. Requests wait for each other. */
  ask(request: (marker: string) => string): Promise<Answer | null> {
    const answer = this.#last.then(() => this.#ask(request));
    this.#last = answer;
    return answer;
  }

  /** Signals all processes but ours and `spare`; how many live ones there were, null as above. */
  async signal(signal: 'TERM' | 'KILL', spare: readonly number[]): Promise<number | null> {
    const answer = await this.ask((marker) => signalRequest(marker, signal, spare));
    const count = answer?.word('others') ?? null;
    return count === null ? null : Number(count);
  }

  /**
   * Kills until nothing is left; how many there were at first. Something that forks faster than a loop can look is
   * ended by one call that spares nobody, `spare` included. `gone`: the shell is; `unkillable`: something would not die.
   */
  async clear(spare: readonly number[]): Promise<number | 'gone' | 'unkillable'> {
    const started = performance.now();
    let found: number | null = null;
    for (let pause = 0; performance.now() - started < killMs; pause = Math.min(pause + 1, 20)) {
      const left = await this.signal('KILL', spare);
      if (left === null) return 'gone';
      found ??= left;
      if (left === 0) return found;
      if (performance.now() - started > politeMs) await this.ask(killAllRequest);
      if (pause > 2) await delay(pause);
    }
    return 'unkillable';
  }

  close(): void {
    this.#stream.destroy();
  }

  async #ask(request: (marker: string) => string): Promise<Answer | null> {
    if (this.#stream.destroyed) return null;
    const marker = newMarker();
    this.#stream.write(`${request(marker)}\n${endOfAnswer(marker)}`);
    // A step may have stopped this shell: without it nothing can be relied on.
    const late = setTimeout(() => this.#stream.destroy(), answerMs);
    try {
      return await this.#answer(new MarkReader(marker));
    } catch {
      return null;
    } finally {
      clearTimeout(late);
    }
  }

  async #answer(reader: MarkReader): Promise<Answer | null> {
    const sections = new Map<string, Buffer[]>();
    let section: Buffer[] | null = null;
    let room = 0;
    for (let ended = false; !ended;) {
      const chunk = await this.#chunks.next();
      if (chunk.done === true) return null;
      for (const frame of this.#frames.push(chunk.value)) {
        for (const piece of reader.push(frame.bytes)) {
          if ('bytes' in piece) {
            // Bytes before the first mark are a late answer to nobody.
            section?.push(piece.bytes.subarray(0, room));
            room -= Math.min(room, piece.bytes.length);
          } else if (piece.mark === 'end') {
            ended = true;
          } else {
            section = [];
            sections.set(piece.mark, section);
            room = maxSection + 1;
          }
        }
      }
    }
    return new Answer(sections);
  }
}
