// The caches that a job names → volumes of the engine where it finds them.
import { createHash } from 'node:crypto';
import type { CacheMount } from '../src/contract/sandbox.ts';
import { canonicalJson } from '../src/model/json.ts';
import type { PlannedJob } from '../src/model/plan.ts';
import type { Run } from './run.ts';

/**
 * One volume for a cache's name in a checkout, on a platform; the store stands for the machine and its trust scope. Where nothing
 * is recorded, a run has volumes of its own: what someone from outside puts there is for nobody.
 */
export const cacheMounts = (
  { reuse, folder, source, plan }: Pick<Run, 'reuse' | 'folder' | 'source' | 'plan'>,
  job: PlannedJob,
): readonly CacheMount[] => {
  const { store, reads = [], records } = reuse;
  return job.caches.map(({ name, path }) => {
    const volumeOf = (scope: string): string => {
      const of = canonicalJson([scope, source.root, name, plan.platform]);
      return `lockstep-cache-${createHash('sha256').update(of).digest('hex').slice(0, 32)}`;
    };
    const mine = records
      ? { volume: volumeOf(store.id), store: store.id, from: reads.map(volumeOf) }
      : { volume: volumeOf(folder.id), store: null, from: [store.id, ...reads].map(volumeOf) };
    return { cache: name, path, ...mine };
  });
};
