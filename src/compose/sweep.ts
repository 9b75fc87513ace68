// What runs that died left in the container engine → gone.
import type { Environment } from '../contract/provider.ts';
import { ok, type Outcome } from '../model/failure.ts';
import { openEngines } from './engines.ts';

/** How many things were removed. Failures: those of connecting to the engine. */
export async function sweep(environment: Environment): Promise<Outcome<number>> {
  const engines = await openEngines({ environment, runId: `sweep-${process.pid}`, onlyLooks: true });
  if (!engines.ok) return engines;
  try {
    const engine = await engines.value.current();
    return engine.ok ? ok(await engine.value.sweep()) : engine;
  } finally {
    await engines.value.close();
  }
}
