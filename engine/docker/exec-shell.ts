// A user → a shell exec'd in the container, with streams of its own: for any user, and for one step only where it must be.
import type { Duplex } from 'node:stream';
import type Dockerode from 'dockerode';
import type { Outcome } from '../../src/model/failure.ts';
import type { EngineLink } from './engine-link.ts';
import { type Frame, FrameReader } from './log-stream.ts';
import { type ShellChannel, StepShell } from './step-shell.ts';

const startMs = 60_000;

export function startExecShell(
  link: EngineLink,
  container: string,
  user: string,
): Promise<Outcome<StepShell>> {
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
    const stream = await exec.start({ hijack: true, stdin: true });
    return new StepShell(user, new ExecChannel(link, exec, stream));
  });
}

class ExecChannel implements ShellChannel {
  readonly isApart = true;
  readonly #link: EngineLink;
  readonly #exec: Dockerode.Exec;
  readonly #stream: Duplex;
  readonly #frames = new FrameReader();
  readonly #chunks: AsyncIterator<Buffer>;

  constructor(link: EngineLink, exec: Dockerode.Exec, stream: Duplex) {
    this.#link = link;
    this.#exec = exec;
    this.#stream = stream;
    stream.on('error', () => undefined);
    this.#chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  feed(text: string): void {
    this.#stream.write(text);
  }

  async next(): Promise<Iterable<Frame> | null> {
    try {
      const chunk = await this.#chunks.next();
      return chunk.done === true ? null : this.#frames.push(chunk.value);
    } catch {
      return null;
    }
  }

  rest(): void {
    // What comes meanwhile waits in the stream.
  }

  async exitCode(): Promise<number | null> {
    for (let tries = 0; tries < 100; tries++) {
      const seen = await this.#link.call('inspect a shell', 5_000, (signal) =>
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
    this.#stream.destroy();
  }
}
