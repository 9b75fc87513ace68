// Places that are kept between machines → what carries records, snapshots and caches of a run from one to the next. Loaded only
// where there are any.
import { breaker } from '../../engine/cache/breaker.ts';
import { folderCacheStore } from '../../engine/cache/folder-cache-store.ts';
import { scopedCache } from '../../engine/cache/scoped-cache.ts';
import { createCarrier, type Carrier, type CarrierOptions } from '../../engine/carried.ts';
import type { CacheAnswer, CacheStore } from '../contract/cache-store.ts';
import type { Trust } from '../contract/provider.ts';
import type { Emit } from '../model/event.ts';
import { scopeFolder } from './cache-folder.ts';
import type { KeptPlaces } from './kept-places.ts';

/** `trust`: absent where this is nobody's platform. */
export async function openCarrier(
  places: KeptPlaces,
  trust: Trust | undefined,
  { emit, ...options }: Omit<CarrierOptions, 'cache' | 'caches' | 'notice'> & { readonly emit: Emit },
): Promise<Carrier | null> {
  const records = await places.openRecords?.();
  const folder = places.folder === null ? undefined : folderFor(places.folder, trust);
  const cache = placeOfRecords(records, folder, (message) =>
    emit({ type: 'notice', level: 'warning', code: 'cache-away', message }),
  );
  if (cache === undefined) return null;
  const limited = (store: CacheStore): CacheStore => (trust?.writes === false ? readOnly(store) : store);
  return createCarrier({
    ...options,
    cache: limited(cache),
    ...(folder !== undefined && folder !== cache && { caches: limited(folder) }),
    notice: (notice) => emit({ type: 'notice', ...notice }),
  });
}

/** Who may only read the platform's records keeps their own in the folder, so that the next push finds them. */
function placeOfRecords(
  records: CacheStore | undefined,
  folder: CacheStore | undefined,
  tell: (message: string) => unknown,
): CacheStore | undefined {
  if (records === undefined || folder === undefined) return records ?? folder;
  return records.takesNothing === undefined ? records : scopedCache(folder, [missable(records, tell)]);
}

/** When it is away, that is told, and it has nothing: what lies beside it goes on. */
function missable(store: CacheStore, tell: (message: string) => unknown): CacheStore {
  const guarded = breaker(store, {
    onOutage: (reason) => tell(`${reason}; this run goes on without ${store.name}`),
    // Before anybody takes both to be away.
    silentMs: 20_000,
  });
  const orMiss = (answer: CacheAnswer): CacheAnswer => (answer.kind === 'outage' ? { kind: 'miss' } : answer);
  return {
    ...guarded,
    look: async (request) => orMiss(await guarded.look(request)),
    get: async (request, into, heard) => orMiss(await guarded.get(request, into, heard)),
  };
}

/** A folder knows nothing of trust, so within it each scope has one of its own. */
function folderFor(folder: string, trust: Trust | undefined): CacheStore {
  if (trust === undefined || trust.scope === '') return folderCacheStore({ folder });
  const placeOf = (scope: string) => folderCacheStore({ folder: scopeFolder(folder, scope) });
  return scopedCache(placeOf(trust.scope), trust.reads.map(placeOf));
}

function readOnly(store: CacheStore): CacheStore {
  const because = 'a change from outside leaves nothing for others';
  return { ...store, takesNothing: because, put: () => Promise.resolve({ kind: 'declined', because }) };
}
