// Bytes → stdout, waiting where the reader is slow, and silent once nobody reads any more.
import { setTimeout as delay } from 'node:timers/promises';

export interface Output {
  /** A promise asks the sender to wait. */
  write(bytes: Uint8Array): void | Promise<void>;
  /** True when all is written or nobody is there to read it; false when `hurry` cut the wait for a slow reader short. */
  drained(): Promise<boolean>;
}

/** What a reader gets to take the last lines once nothing is waited for. */
const lastWordsMs = 500;

/** `closed` hears once that the reader went away (`lockstep run | head`). When `hurry` aborts, no reader is waited for. */
export function createOutput(stream: NodeJS.WriteStream, closed: () => void, hurry: AbortSignal): Output {
  let open = true;
  let drain: Promise<void> | null = null;
  stream.on('error', () => {
    if (open) closed();
    open = false;
  });
  const waitForDrain = (): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        for (const event of ['drain', 'error', 'close']) stream.off(event, done);
        hurry.removeEventListener('abort', done);
        resolve();
      };
      for (const event of ['drain', 'error', 'close']) stream.on(event, done);
      hurry.addEventListener('abort', done);
    });
  return {
    write: (bytes) => {
      if (!open) return undefined;
      if (stream.write(bytes) || hurry.aborted) return undefined;
      drain ??= waitForDrain().finally(() => (drain = null));
      return drain;
    },
    drained: async () => {
      if (!open || stream.destroyed) return true;
      const { promise: hurried, resolve: giveUp } = Promise.withResolvers<boolean>();
      const cut = (): void => void delay(lastWordsMs).then(() => giveUp(false));
      if (hurry.aborted) cut();
      else hurry.addEventListener('abort', cut);
      const written = new Promise<boolean>((resolve) => stream.write('', () => resolve(true)));
      return Promise.race([written, hurried]);
    },
  };
}
