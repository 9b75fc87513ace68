// A shell exec'd in the container and fed one step after another, or one step only: text in, exit codes and output out.
import type { Duplex } from 'node:stream';
import type Dockerode from 'dockerode';
import type { StepOutput } from '../../src/contract/sandbox.ts';
import type { LogStream } from '../../src/model/event.ts';
import type { Outcome } from '../../src/model/failure.ts';
import { newMarker } from './control-shell.ts';
import type { EngineLink } from './engine-link.ts';
import { FrameReader, MarkReader } from './log-stream.ts';
import { shellPrelude } from './step-script.ts';

export type ShellEnd =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'no-workdir' }
  /** The shell went away; `begun`: the step had started. */
  | { readonly kind: 'gone'; readonly begun: boolean };

const startMs = 60_000;

export class StepShell {
  readonly user: string;
  /** Whether it may run another step; known once the first has begun. */
  reusable = false;
  /** Within the container; null until the first step has begun. */
  pid: number | null = null;
  gone = false;
  readonly #exec: Dockerode.Exec;
  readonly #stream: Duplex;
  readonly #frames = new FrameReader();
  readonly #chunks: AsyncIterator<Buffer>;

  private constructor(user: string, exec: Dockerode.Exec, stream: Duplex) {
    this.user = user;
    this.#exec = exec;
    this.#stream = stream;
    stream.on('error', () => undefined);
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  static async start(link: EngineLink, container: string, user: string): Promise<Outcome<StepShell>> {
    return link.call('start a shell in the container', startMs, async (signal) => {
      const exec = await link.docker.getContainer(container).exec({
        Cmd: ['sh'],
        User: user,
        WorkingDir: '/',
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        abortSignal: signal,
      });
      return new StepShell(user, exec, await exec.start({ hijack: true, stdin: true }));
    });
  }

  /**
   * Feeds one step. Resolves when its end was read on both streams, with all its bytes handed to `output`; a promise
   * from `output` stops the reading. `begun` is called when the step starts.
   */
  async run(text: (marker: string) => string, output: StepOutput, begun: () => void): Promise<ShellEnd> {
    const marker = newMarker();
    this.#stream.write((this.pid === null ? shellPrelude(marker) : '') + text(marker));
    const readers = { stdout: new MarkReader(marker), stderr: new MarkReader(marker) };
    const inside: Record<LogStream, boolean> = { stdout: false, stderr: false };
    let end: ShellEnd | null = null;
    let started = false;
    let noMore = 0;
    for (;;) {
      const chunk = await this.#next();
      if (chunk === null) break;
      for (const { stream, bytes } of this.#frames.push(chunk)) {
        for (const piece of readers[stream].push(bytes)) {
          if ('bytes' in piece) {
            // Outside are the last words of an earlier step's left-overs.
            if (inside[stream]) await output(stream, piece.bytes);
            continue;
          }
          const [word, first, second] = piece.mark.split(' ');
          if (word === 'shell') {
            this.pid = Number(first);
            this.reusable = second === '1';
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

  /** Its pid, where it is known and still stands for this shell. */
  get alive(): readonly number[] {
    return this.pid === null || this.gone ? [] : [this.pid];
  }

  /** The exit code of the shell itself, once its stream has ended; null when the engine does not know. */
  async exitCode(link: EngineLink): Promise<number | null> {
    for (let tries = 0; tries < 100; tries++) {
      const seen = await link.call('inspect a shell', 5_000, (signal) =>
        this.#exec.inspect({ abortSignal: signal }),
      );
      if (!seen.ok) return null;
      // The stream ends a little before the engine has the code.
      if (!seen.value.Running) return seen.value.ExitCode;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return null;
  }

  /** The shell ends by itself when its stdin does. */
  close(): void {
    this.gone = true;
    this.#stream.destroy();
  }

  async #next(): Promise<Buffer | null> {
    try {
      const chunk = await this.#chunks.next();
      return chunk.done === true ? null : chunk.value;
    } catch {
      return null;
    }
  }
}
