// SIGINT, SIGTERM, SIGHUP → a first signal that asks for an end in good order and a second that stops at once.

export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP';

/** 128 and the signal's number, as shells count. */
export const signalExitCode: Readonly<Record<SignalName, number>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
};

export interface Interrupts {
  readonly cancel: AbortSignal;
  readonly kill: AbortSignal;
  /** The first signal that came. */
  readonly received: () => SignalName | null;
  /** Hears of each signal; `atOnce` for the second. */
  listen(listener: (signal: SignalName, atOnce: boolean) => void): void;
  /** As the first signal does: for an output that nobody reads any more. */
  interrupt(signal: SignalName): void;
}

export function watchSignals(): Interrupts {
  const cancel = new AbortController();
  const kill = new AbortController();
  const listeners: ((signal: SignalName, atOnce: boolean) => void)[] = [];
  let first: SignalName | null = null;
  const interrupt = (signal: SignalName): void => {
    const atOnce = first !== null;
    first ??= signal;
    for (const listener of listeners) listener(signal, atOnce);
    (atOnce ? kill : cancel).abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal));
  return {
    cancel: cancel.signal,
    kill: kill.signal,
    received: () => first,
    listen: (listener) => listeners.push(listener),
    interrupt,
  };
}
