// Stop signals → what the processes of a step get to feel, until its end was seen.
import { setTimeout as delay } from 'node:timers/promises';
import type { StopSignals } from '../../src/contract/sandbox.ts';
import type { ControlShell } from './control-shell.ts';
import type { StepShell } from './step-shell.ts';

export interface StoppableStep {
  readonly control: ControlShell;
  /** Resolves when the step has begun, or will never. */
  readonly begun: Promise<unknown>;
  /** Aborts when the step's end was seen. */
  readonly over: AbortSignal;
  /** Runs it, and is to live. */
  readonly shell: Pick<StepShell, 'alive' | 'keepers'>;
}

const patienceMs = 2_000;
const giveUpMs = 10_000;

/** True when one of the signals aborts, false when `until` does. Leaves no listener behind on signals that live long. */
export function aborted(signals: readonly AbortSignal[], until: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  if (until.aborted) resolve(false);
  until.addEventListener('abort', () => resolve(false), { once: true });
  for (const signal of signals) {
    if (signal.aborted) resolve(true);
    signal.addEventListener('abort', () => resolve(true), { once: true, signal: until });
  }
  return promise;
}

/** Call once the step is to stop. False: something of it would not die, and its container must go. */
export async function stopStep(
  { control, begun, over, shell }: StoppableStep,
  stop: StopSignals,
): Promise<boolean> {
  const pause = (ms: number): Promise<unknown> =>
    delay(ms, undefined, { signal: over }).catch(() => undefined);
  const isLate = delay(giveUpMs, 'late', { signal: over }).catch(() => null);
  if ((await Promise.race([begun, aborted([over], over), isLate])) === 'late') return false;
  // `begun` is said a moment before the step's first process is there: nobody to signal means too early.
  const asked = performance.now();
  while (!over.aborted && !stop.kill.aborted && performance.now() - asked < giveUpMs) {
    if ((await control.signal('TERM', shell.alive)) !== 0) break;
    await pause(2);
  }
  if (!over.aborted) await Promise.race([pause(stop.graceMs), aborted([stop.kill], over)]);
  const started = performance.now();
  while (!over.aborted) {
    const late = performance.now() - started;
    // A shell of ours that does not report the end of a dead step was stopped by that step.
    const left = await control.signal('KILL', late > patienceMs ? shell.keepers : shell.alive);
    if (left === null) return true;
    if (late > giveUpMs) return false;
    await pause(left > 0 ? 2 : 50);
  }
  return true;
}
