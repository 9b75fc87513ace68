// A shell in the container that is fed one step after another, or one step only: text in, exit codes and output out.
import type { StepOutput } from '../../src/contract/sandbox.ts';
import type { LogStream } from '../../src/model/event.ts';
import { Answer, AnswerReader, newMarker } from './control-shell.ts';
import { controlFunctions } from './control-prelude.ts';
import { type Frame, MarkReader } from './log-stream.ts';
import { shellPrelude } from './step-script.ts';

export type ShellEnd =
  /** What the shell said at its end: `exit <code>`, and more. */
  | { readonly kind: 'ended'; readonly said: Answer }
  /** The shell went away; `begun`: the step had started. */
  | { readonly kind: 'gone'; readonly begun: boolean };

/** A shell in the container, wherever it runs: the way to its stdin and from its streams. */
export interface ShellChannel {
  /** No other shell's bytes and ours ever go through it. */
  readonly isApart: boolean;
  feed(text: string): void;
  /** What came since; null once the shell is gone. */
  next(): Promise<Iterable<Frame> | null>;
  /** Nobody calls `next` before the next `feed`. */
  rest(): void;
  /** The exit code of the shell itself, once it is gone; null when nobody knows. */
  exitCode(): Promise<number | null>;
  /** The shell ends, maybe in the middle of a step that nobody listens to any more. */
  close(): void;
}

export class StepShell {
  readonly user: string;
  /** Whether it may run another step; known once the first has begun. */
  reusable = false;
  /** Within the container; null until the first step has begun. */
  pid: number | null = null;
  gone = false;
  /** Pid of a process that tells of the shell's end. */
  #keeper: number | null = null;
  readonly #channel: ShellChannel;

  constructor(user: string, channel: ShellChannel) {
    this.user = user;
    this.#channel = channel;
  }

  /**
   * Feeds one step. Resolves when its end was read on both streams, with all its bytes handed to `output`; a promise
   * from `output` stops the reading. `begun` is called when the step starts.
   */
  async run(text: (marker: string) => string, output: StepOutput, begun: () => void): Promise<ShellEnd> {
    try {
      return await this.#run(text, output, begun);
    } finally {
      this.#channel.rest();
    }
  }

  async #run(text: (marker: string) => string, output: StepOutput, begun: () => void): Promise<ShellEnd> {
    const marker = newMarker();
    this.#channel.feed((this.pid === null ? this.#prelude(marker) : '') + text(marker));
    const readers = { stdout: new MarkReader(marker), stderr: new MarkReader(marker) };
    const answer = new AnswerReader();
    let said: Answer | null = null;
    // Beside the main shell nobody is left to write anything when a step begins.
    const inside: Record<LogStream, boolean> = { stdout: false, stderr: !this.isApart };
    let started = false;
    let noMore = 0;
    for (;;) {
      const frames = await this.#channel.next();
      if (frames === null) break;
      for (const { stream, bytes } of frames) {
        for (const piece of readers[stream].push(bytes)) {
          if ('bytes' in piece) {
            // Outside are the last words of an earlier step's left-overs, and what an answer holds.
            if (inside[stream]) await output(stream, piece.bytes);
            else if (stream === 'stdout') answer.take(piece);
            continue;
          }
          const [word, ...more] = piece.mark.split(' ');
          if (word === 'shell') {
            const [pid, keeper, reusable] = more.map(Number);
            this.pid = pid ?? null;
            this.#keeper = keeper === 0 ? null : (keeper ?? null);
            this.reusable = reusable === 1;
          } else if (word === 'begin') {
            inside[stream] = true;
            if (!started) begun();
            started = true;
          } else {
            inside[stream] = false;
            const whole = stream === 'stdout' ? answer.take(piece) : null;
            if (whole instanceof Answer) said = whole;
            if (word === 'end') noMore++;
          }
        }
      }
      if (noMore === 2 && said !== null) return { kind: 'ended', said };
    }
    this.gone = true;
    for (const stream of ['stdout', 'stderr'] as const) {
      const held = readers[stream].end();
      if (inside[stream] && held.length > 0) await output(stream, held);
    }
    begun();
    return { kind: 'gone', begun: started };
  }

  #prelude(marker: string): string {
    // What root makes is root's.
    const looks = this.isApart ? '' : `${controlFunctions}_owner=0:0; note_host_files; compare_accounts`;
    return looks + shellPrelude(marker);
  }

  /** It has streams of its own. */
  get isApart(): boolean {
    return this.#channel.isApart;
  }

  /** Pids that stand for this shell. */
  get alive(): readonly number[] {
    return this.pid === null || this.gone ? this.keepers : [this.pid, ...this.keepers];
  }

  /** Those of them that are needed to hear of its end. */
  get keepers(): readonly number[] {
    return this.#keeper === null ? [] : [this.#keeper];
  }

  exitCode(): Promise<number | null> {
    return this.#channel.exitCode();
  }

  close(): void {
    this.gone = true;
    this.#channel.close();
  }
}
