// A cache store without a disk, that is away when the test says so.
import { readFile, writeFile } from 'node:fs/promises';
import type { CacheAnswer, CacheRequest, CacheStore } from '../../src/contract/cache-store.ts';

export interface MemoryCacheStore extends CacheStore {
  /** By key, the oldest first. */
  readonly entries: Map<string, Uint8Array>;
  /** In their order, e.g. `get a/b → hit a/b/c`. */
  readonly calls: string[];
  /** Answers for the store: an outage, silence for ever, or null for the true answer. */
  fault: (call: string) => Promise<{ readonly kind: 'outage'; readonly message: string }> | null;
}

export const away = (): Promise<{ readonly kind: 'outage'; readonly message: string }> =>
  Promise.resolve({ kind: 'outage', message: 'the cache is away' });

export const silent = (): Promise<never> => new Promise(() => undefined);

export function memoryCacheStore(): MemoryCacheStore {
  const entries = new Map<string, Uint8Array>();
  const find = ({ key, prefixes = [] }: CacheRequest): string | undefined =>
    key !== undefined && entries.has(key)
      ? key
      : prefixes
          .map((prefix) => [...entries.keys()].reverse().find((name) => name.startsWith(prefix)))
          .find((name) => name !== undefined);
  const asked = ({ key, prefixes = [] }: CacheRequest): string => [key ?? [], prefixes].flat().join(' ');
  const answer = (call: string, found: string | undefined): CacheAnswer => {
    store.calls.push(`${call} → ${found === undefined ? 'miss' : `hit ${found}`}`);
    return found === undefined ? { kind: 'miss' } : { kind: 'hit', key: found };
  };
  const store: MemoryCacheStore = {
    name: 'the memory cache',
    entries,
    calls: [],
    fault: () => null,
    async look(request) {
      const call = `look ${asked(request)}`;
      return (await store.fault(call)) ?? answer(call, find(request));
    },
    async get(request, into) {
      const call = `get ${asked(request)}`;
      const fault = await store.fault(call);
      if (fault !== null) return fault;
      const found = find(request);
      const bytes = found === undefined ? undefined : entries.get(found);
      if (bytes !== undefined) await writeFile(into, bytes);
      return answer(call, found);
    },
    async put(key, file) {
      const fault = await store.fault(`put ${key}`);
      if (fault !== null) return fault;
      const bytes = await readFile(file);
      const kind = entries.has(key) ? 'exists' : 'stored';
      if (kind === 'stored') entries.set(key, bytes);
      store.calls.push(`put ${key} → ${kind}`);
      return { kind };
    },
  };
  return store;
}
