// A length of time and other signals → one signal that says whether it was the time.

/** Node's timers overflow past this and would fire at once. */
const longestTimer = 2 ** 31 - 1;

export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  readonly timedOut: boolean;
}

/** Aborts after `ms`, or as soon as one of `signals` does; whichever comes first decides `timedOut`. */
export function startDeadline(ms: number, signals: readonly AbortSignal[]): Deadline {
  const timer = new AbortController();
  const others = AbortSignal.any([...signals]);
  let timedOut = false;
  const timeout = setTimeout(
    () => {
      timedOut = !others.aborted;
      timer.abort();
    },
    Math.min(ms, longestTimer),
  );
  return {
    signal: AbortSignal.any([timer.signal, others]),
    get timedOut() {
      return timedOut;
    },
    [Symbol.dispose]: () => clearTimeout(timeout),
  };
}

/** Resolves after `ms`, or at once when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timeout);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timeout = setTimeout(done, Math.min(ms, longestTimer));
    signal.addEventListener('abort', done);
  });
}
