// The container's main shell → a shell beside it for the steps of root, on the container's own streams: an exec costs the
// engine 60 ms of processor time.
import { type ControlShell, newMarker } from './control-shell.ts';
import type { LogStream } from '../../src/model/event.ts';
import { type Frame, MarkReader } from './log-stream.ts';
import { type ShellChannel, StepShell } from './step-shell.ts';
import { closeShellRequest, feedShellRequest, startShellRequest } from './step-script.ts';

/** Whether that is all that `user` is. */
export const isRoot = (user: string): boolean => ['0', 'root', '0:0', 'root:root'].includes(user);

/** Null where the image lacks what it takes. Once for each container. */
export async function startRootShell(control: ControlShell, user: string): Promise<StepShell | null> {
  const marker = newMarker();
  const channel = new RootChannel(control, marker);
  const answer = await control.ask(() => startShellRequest(marker));
  return answer?.has('started') === true ? new StepShell(user, channel) : null;
}

/** Frames pass from hand to hand, so that who takes none holds the container back. */
class RootChannel implements ShellChannel {
  readonly isApart = false;
  readonly #control: ControlShell;
  /** Find the last words of the shell's keeper, its exit code: after them nothing of it comes on that stream. */
  readonly #readers: Readonly<Record<LogStream, MarkReader>>;
  #ended = 0;
  #code: number | null = null;
  #gone = false;
  #listening = false;
  #wanted: ((frames: Frame[] | null) => void) | null = null;
  #taken: (() => void) | null = null;

  constructor(control: ControlShell, marker: string) {
    this.#control = control;
    this.#readers = { stdout: new MarkReader(marker), stderr: new MarkReader(marker) };
    control.hear((frame) => this.#give(frame));
    void control.over.then(() => this.#end());
  }

  feed(text: string): void {
    this.#listening = true;
    this.#control.tell(feedShellRequest(text));
  }

  next(): Promise<Frame[] | null> {
    const { promise, resolve } = Promise.withResolvers<Frame[] | null>();
    this.#wanted = resolve;
    if (this.#gone) resolve(null);
    this.#taken?.();
    return promise;
  }

  rest(): void {
    this.#listening = false;
    this.#taken?.();
  }

  exitCode(): Promise<number | null> {
    return Promise.resolve(this.#code);
  }

  close(): void {
    if (this.#gone) return;
    this.#control.tell(closeShellRequest());
    this.#end();
  }

  #give(frame: Frame): Promise<undefined> | undefined {
    const frames = this.#withoutMarks(frame);
    if (!this.#listening || this.#wanted === null) return undefined;
    if (frames.length === 0) {
      if (this.#gone) this.#end();
      return undefined;
    }
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#taken = () => resolve(undefined);
    this.#wanted(frames);
    return promise;
  }

  #withoutMarks(frame: Frame): Frame[] {
    return this.#readers[frame.stream].push(frame.bytes).flatMap((piece) => {
      if ('bytes' in piece) return [{ ...frame, bytes: piece.bytes }];
      this.#code = Number(piece.mark.split(' ')[1]);
      this.#gone = ++this.#ended === 2;
      return [];
    });
  }

  #end(): void {
    this.#gone = true;
    this.#wanted?.(null);
  }
}
