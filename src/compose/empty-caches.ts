// `--fresh` → the cache directories of the plan's jobs, emptied.
import { cacheMounts } from '../../engine/cache-mounts.ts';
import type { Run } from '../../engine/run.ts';
import type { Engine } from '../contract/sandbox.ts';

/** One that a container of another run has mounted stays, and that is told. */
export async function emptyCaches(run: Run): Promise<void> {
  const engine = await run.engine();
  if (!engine.ok) return;
  // Those that are this run's alone begin empty.
  const mounts = run.plan.jobs.flatMap((job) => cacheMounts(run, job)).filter(({ store }) => store !== null);
  for (const [volume, cache] of new Map(mounts.map((mount) => [mount.volume, mount.cache]))) {
    const removed = await engine.value.caches.remove(volume);
    const there = removed.ok && !removed.value && (await isThere(engine.value, run.reuse.store.id, volume));
    if (removed.ok && !there) continue;
    const why = removed.ok ? 'a container uses it' : removed.failure.message;
    const message = `the cache ${cache} could not be emptied: ${why}`;
    await run.emit({ type: 'notice', level: 'warning', code: 'cache-in-use', message });
  }
}

async function isThere({ caches }: Engine, store: string, name: string): Promise<boolean> {
  const listed = await caches.list(store);
  return !listed.ok || listed.value.some(({ volume }) => volume === name);
}
