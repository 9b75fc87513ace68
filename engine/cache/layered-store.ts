// A store and those of scopes that are trusted more → one store: it answers from all of them, and writes only its own.
import type { RecordStore } from '../../src/contract/record-store.ts';
import type { StoreReader } from './directory-store.ts';

/**
 * `others`: the nearest first; asked for what `own` does not have. Locks, times of use and whatever is put or forgotten are
 * of `own` alone: what is forgotten there may be answered by another.
 */
export function layeredStore<T extends RecordStore>(own: T, others: readonly StoreReader[]): T {
  if (others.length === 0) return own;
  const all: readonly StoreReader[] = [own, ...others];
  const first = async <R>(ask: (store: StoreReader) => Promise<R | null>): Promise<R | null> => {
    for (const store of all) {
      const answer = await ask(store);
      if (answer !== null) return answer;
    }
    return null;
  };
  const gather = async <R>(ask: (store: StoreReader) => Promise<readonly R[]>): Promise<R[]> =>
    (await Promise.all(all.map(ask))).flat();
  return {
    ...own,
    record: (key) => first((store) => store.record(key)),
    blob: (digest) => first((store) => store.blob(digest)),
    hasBlob: async (digest) => (await first(async (store) => (await store.hasBlob(digest)) || null)) ?? false,
    chains: async (job) =>
      (await gather((store) => store.chains(job))).toSorted((one, other) => other.at - one.at),
    snapshots: () => gather((store) => store.snapshots()),
  };
}
