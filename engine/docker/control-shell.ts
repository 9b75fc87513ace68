// The container's main shell, asked over its attached stdin: what needs root and must not cost an exec.
import { Duplex } from 'node:stream';
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Frame, FrameReader, MarkReader, type Piece, markStart } from './log-stream.ts';
import { controlPrelude } from './control-prelude.ts';
import { clearRequest, endOfAnswer, killAllRequest, signalRequest } from './step-script.ts';

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

/** Makes an answer of what a `MarkReader` finds. */
export class AnswerReader {
  readonly #sections = new Map<string, Buffer[]>();
  #section: Buffer[] | null = null;
  #room = 0;

  /** The answer, when the piece is its end; null when it is part of one; else the bytes, which came before any mark. */
  take(piece: Piece): Answer | Buffer | null {
    if ('bytes' in piece) {
      if (this.#section === null) return piece.bytes;
      this.#section.push(piece.bytes.subarray(0, this.#room));
      this.#room -= Math.min(this.#room, piece.bytes.length);
      return null;
    }
    if (piece.mark === 'end') return new Answer(this.#sections);
    this.#section = [];
    this.#sections.set(piece.mark, this.#section);
    this.#room = maxSection + 1;
    return null;
  }
}

const othersOf = (answer: Answer | null): number | null => {
  const count = answer?.word('others') ?? null;
  return count === null ? null : Number(count);
};

/** Bound of what a step may leave as outputs or as a summary, bytes. */
export const maxSection = 1024 * 1024;

const answerMs = 20_000;
const killMs = 10_000;
const politeMs = 1_000;

export const newMarker = (): string => `${markStart}${randomBytes(16).toString('hex')}`;

/** Takes what is in the stream besides our answers; a promise holds the stream back. */
type Beside = (frame: Frame) => Promise<unknown> | undefined;

interface Clearing {
  /** Asked for once nothing is left. */
  readonly next: (marker: string) => string;
  readonly killingAll: () => void;
}

/** A request whose answer is being read. */
interface Pending {
  readonly marks: MarkReader;
  readonly answer: AnswerReader;
  readonly answered: (answer: Answer) => void;
}

/** Owns the attached stream: when it is destroyed or this process dies, the container ends. */
export class ControlShell {
  readonly #stream: Duplex;
  readonly #over: Promise<void>;
  #pending: Pending | null = null;
  #beside: Beside | null = null;
  /** What is beside our answers is not taken: they may have to wait behind it. */
  #held = false;
  #last: Promise<unknown> = Promise.resolve();

  constructor(attached: NodeJS.ReadWriteStream) {
    if (!(attached instanceof Duplex)) throw new TypeError('an attached stream is a socket');
    const stream = attached;
    this.#stream = stream;
    stream.on('error', () => undefined);
    stream.write(controlPrelude);
    this.#over = this.#read();
  }

  /** Resolves when the stream has ended. */
  get over(): Promise<void> {
    return this.#over;
  }

  /** Null when the shell is gone or does not answer any more. Requests wait for each other. */
  ask(request: (marker: string) => string): Promise<Answer | null> {
    const answer = this.#last.then(() => this.#ask(request));
    this.#last = answer;
    return answer;
  }

  /** Has something done that needs no answer, in its turn. */
  tell(request: string): void {
    this.#last = this.#last.then(() => this.#stream.write(`${request}\n`));
  }

  /** From now on `beside` gets what other processes write to the container's own streams. */
  hear(beside: Beside): void {
    this.#beside = beside;
  }

  /** Signals all processes but ours and `spare`; how many live ones there were, null as above. */
  async signal(signal: 'TERM' | 'KILL', spare: readonly number[]): Promise<number | null> {
    return othersOf(await this.ask(() => signalRequest(signal, spare)));
  }

  /**
   * Kills until nothing is left: how many there were at first, and the answer to `next`. Something that forks faster than
   * a loop can look is ended by one call that spares nobody, `spare` included: `killingAll` is told. `gone`: the shell is;
   * `unkillable`: something would not die.
   */
  async clear(
    spare: readonly number[],
    { next, killingAll }: Clearing = { next: () => '', killingAll: () => undefined },
  ): Promise<{ readonly leftOvers: number; readonly answer: Answer } | 'gone' | 'unkillable'> {
    const started = performance.now();
    let found: number | null = null;
    for (let pause = 0; performance.now() - started < killMs; pause = Math.min(pause + 1, 20)) {
      const answer = await this.ask((marker) => clearRequest(spare, next(marker)));
      const left = othersOf(answer);
      if (answer === null || left === null) return 'gone';
      found ??= left;
      if (left === 0) return { leftOvers: found, answer };
      if (performance.now() - started > politeMs) {
        killingAll();
        await this.ask(killAllRequest);
      }
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
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#pending = { marks: new MarkReader(marker), answer: new AnswerReader(), answered: resolve };
    this.#stream.write(`${request(marker)}\n${endOfAnswer(marker)}`);
    // A step may have stopped this shell: without it nothing can be relied on.
    const late = setInterval(() => {
      if (!this.#held) this.#stream.destroy();
    }, answerMs);
    try {
      return await Promise.race([promise, this.#over.then(() => null)]);
    } finally {
      clearInterval(late);
      this.#pending = null;
    }
  }

  async #read(): Promise<void> {
    const frames = new FrameReader();
    try {
      for await (const chunk of this.#stream as AsyncIterable<Buffer>) {
        for (const frame of frames.push(chunk)) {
          for (const rest of this.#answer(frame)) {
            this.#held = true;
            await this.#beside?.(rest);
            this.#held = false;
          }
        }
      }
    } catch {
      // Destroyed: what comes after the last chunk is nobody's.
    }
  }

  /** Takes the answer out of the frame; yields what is not of it. */
  *#answer(frame: Frame): Generator<Frame> {
    const pending = this.#pending;
    if (pending === null || frame.stream === 'stderr') {
      yield frame;
      return;
    }
    for (const piece of pending.marks.push(frame.bytes)) {
      const taken =
        this.#pending === pending || !('bytes' in piece) ? pending.answer.take(piece) : piece.bytes;
      if (taken instanceof Answer) {
        this.#pending = null;
        pending.answered(taken);
      } else if (taken !== null) yield { ...frame, bytes: taken };
    }
    const held = pending.marks.end();
    if (this.#pending !== pending && held.length > 0) yield { ...frame, bytes: held };
  }
}
