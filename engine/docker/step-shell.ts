// A shell in the container that is fed one step after another, or one step only: text in, exit codes and output out.
import type { StepOutput } from '../../src/contract/sandbox.ts';
import type { LogStream } from '../../src/model/event.ts';
import { newMarker } from './control-shell.ts';
import { type Frame, MarkReader } from './log-stream.ts';
import { shellPrelude } from './step-script.ts';

export type ShellEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'no-workdir' }
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
    this.#channel.feed((this.pid === null ? shellPrelude(marker) : '') + text(marker));
    const readers = { stdout: new MarkReader(marker), stderr: new MarkReader(marker) };
    const inside: Record<LogStream, boolean> = { stdout: false, stderr: false };
    let end: ShellEnd | null = null;
    let started = false;
    let noMore = 0;
    for (;;) {
      const frames = await this.#channel.next();
      if (frames === null) break;
      for (const { stream, bytes } of frames) {
        for (const piece of readers[stream].push(bytes)) {
          if ('bytes' in piece) {
            // Outside are the last words of an earlier step's left-overs.
            if (inside[stream]) await output(stream, piece.bytes);
            continue;
          }
          const [word, first, second, third] = piece.mark.split(' ');
          if (word === 'shell') {
            this.pid = Number(first);
            this.#keeper = Number(second) || null;
            this.reusable = third === '1';
          } else if (word === 'begin') {
            inside[stream] = true;
            if (!started) begun();
            started = true;
          } else if (word === 'no-workdir') {
            end = { kind: 'no-workdir' };
          } else {
            inside[stream] = false;
            noMore++;
            if (word === 'exit') end ??= { kind: 'exited', code: Number(first) };
          }
        }
      }
      if (noMore === 2 && end !== null) return end;
    }
    this.gone = true;
    for (const stream of ['stdout', 'stderr'] as const) {
      const held = readers[stream].end();
      if (inside[stream] && held.length > 0) await output(stream, held);
    }
    begun();
    return { kind: 'gone', begun: started };
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
