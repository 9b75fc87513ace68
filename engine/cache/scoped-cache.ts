// One place for each scope of trust → a cache store that finds what any of them has, and puts only into the first.
import type { CacheAnswer, CacheRequest, CacheStore } from '../../src/contract/cache-store.ts';

/** `others`: the nearest first. What fits better goes before what lies nearer. */
export function scopedCache(own: CacheStore, others: readonly CacheStore[]): CacheStore {
  const find = async (
    { key, prefixes = [] }: CacheRequest,
    ask: (store: CacheStore, part: CacheRequest) => Promise<CacheAnswer>,
  ): Promise<CacheAnswer> => {
    let miss: CacheAnswer = { kind: 'miss' };
    const parts = [...(key === undefined ? [] : [{ key }]), ...prefixes.map((one) => ({ prefixes: [one] }))];
    for (const part of parts)
      for (const store of [own, ...others]) {
        const answer = await ask(store, part);
        if (answer.kind !== 'miss') return answer;
        if (answer.damaged !== undefined) miss = answer;
      }
    return miss;
  };
  return {
    ...own,
    look: (request) => find(request, (store, part) => store.look(part)),
    get: (request, into, heard) => find(request, (store, part) => store.get(part, into, heard)),
  };
}
