// Keys of entries that the action left in the cache service → the time GitHub's own client takes for them: a program of its
// own, which `fresh-runner` measures.
import { restoreCache } from '@actions/cache';

for (const key of process.argv.slice(2))
  if ((await restoreCache(['lockstep-entry'], key)) !== key) throw new Error(`there is no ${key}`);
// As an action ends, whatever its connections still wait for.
process.exit(0);
