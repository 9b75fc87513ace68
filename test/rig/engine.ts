// The container engine as its own command line shows it, and the wait for what others do.
import { execFileSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

export const docker = (...args: readonly string[]): string =>
  execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** Ids of the containers of a run, dead ones too. */
export const containersOf = (run: string): string[] =>
  lines(docker('ps', '-aq', '--filter', `label=dev.lockstep.run=${run}`));

/** Containers, networks and volumes of a run. */
export const belongings = (run: string): string[] => [
  ...containersOf(run),
  ...lines(docker('network', 'ls', '-q', '--filter', `label=dev.lockstep.run=${run}`)),
  ...lines(docker('volume', 'ls', '-q', '--filter', `label=dev.lockstep.run=${run}`)),
];

/** Looks again and again; rejects, naming `what`, when it does not come true in time. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const started = performance.now();
  while (!(await holds())) {
    if (performance.now() - started > withinMs) throw new Error(`waited in vain: ${what}`);
    await delay(50);
  }
}

export const allGone = (run: string): Promise<void> =>
  until(`the engine still has things of run ${run}`, () => belongings(run).length === 0);
