// The caches that a job names → volumes of the engine where it finds them.
import { createHash } from 'node:crypto';
import type { CacheMount } from '../src/contract/sandbox.ts';
import { canonicalJson } from '../src/model/json.ts';
import type { PlannedJob } from '../src/model/plan.ts';
import type { Run } from './run.ts';

/** One volume for a cache's name in a checkout, on a platform; the store stands for the machine and its trust scope. */
export const cacheMounts = (run: Run, job: PlannedJob): readonly CacheMount[] => {
  const store = run.reuse.store.id;
  return job.caches.map(({ name, path }) => {
    const of = canonicalJson([store, run.source.root, name, run.plan.platform]);
    const digest = createHash('sha256').update(of).digest('hex');
    return { cache: name, volume: `lockstep-cache-${digest.slice(0, 32)}`, store, path };
  });
};
