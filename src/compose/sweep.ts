// What runs that died left in the container engine → gone.
import { runsIn } from '../../engine/run-folder.ts';
import { findRoot } from '../../engine/source-root.ts';
import type { Environment } from '../contract/provider.ts';
import { ok, type Outcome } from '../model/failure.ts';
import { openEngines } from './engines.ts';

export interface SweepRequest {
  /** `--engine`. */
  readonly engine?: string;
  /** A folder of a checkout in which nothing runs any more, though that may not be seen from here. */
  readonly ended?: string;
}

/** How many things were removed. Failures: those of connecting to the engine. */
export async function sweep(
  environment: Environment,
  { engine, ended }: SweepRequest = {},
): Promise<Outcome<number>> {
  const engines = await openEngines({
    ...{ environment, runId: `sweep-${process.pid}`, onlyLooks: true },
    ...(engine !== undefined && { engine }),
  });
  if (!engines.ok) return engines;
  const runs = ended === undefined ? undefined : runsIn(findRoot(ended));
  try {
    const connected = await engines.value.current();
    return connected.ok ? ok(await connected.value.sweep(runs)) : connected;
  } finally {
    await engines.value.close();
  }
}
