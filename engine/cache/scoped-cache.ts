// One place for each scope of trust → a cache store that finds what any of them has, and puts only into the first.
import type { CacheAnswer, CacheStore } from '../../src/contract/cache-store.ts';

/** `others`: the nearest first; asked for what `own` does not have, as GitHub does with the caches of branches. */
export function scopedCache(own: CacheStore, others: readonly CacheStore[]): CacheStore {
  const first = async (ask: (store: CacheStore) => Promise<CacheAnswer>): Promise<CacheAnswer> => {
    let answer = await ask(own);
    for (const store of others) {
      if (answer.kind !== 'miss') break;
      const next = await ask(store);
      if (next.kind !== 'miss' || next.damaged !== undefined) answer = next;
    }
    return answer;
  };
  return {
    ...own,
    look: (request) => first((store) => store.look(request)),
    get: (request, into, heard) => first((store) => store.get(request, into, heard)),
  };
}
