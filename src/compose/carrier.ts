// `--cache FOLDER`, or the platform's own → what carries records, snapshots and caches of a run from one machine to the next.
// Loaded only with one of them.
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { folderCacheStore } from '../../engine/cache/folder-cache-store.ts';
import { scopedCache } from '../../engine/cache/scoped-cache.ts';
import { createCarrier, type Carrier, type CarrierOptions } from '../../engine/carried.ts';
import type { CacheStore } from '../contract/cache-store.ts';
import type { Offers } from '../contract/provider.ts';
import type { Emit } from '../model/event.ts';
import { scopesIn } from './cache-folder.ts';

/** A folder that the user names goes before what the platform offers. */
export async function openCarrier(
  folder: string | undefined,
  offers: Offers | null,
  { emit, ...options }: Omit<CarrierOptions, 'cache' | 'notice'> & { readonly emit: Emit },
): Promise<Carrier | null> {
  const offered = offers?.cache.is === 'there' ? offers.cache.open : null;
  const place = folder === undefined ? await offered?.() : folderFor(folder, offers?.trust);
  if (place === undefined) return null;
  return createCarrier({
    ...options,
    cache: offers?.trust.writes === false ? readOnly(place) : place,
    notice: (notice) => emit({ type: 'notice', ...notice }),
  });
}

/** A folder knows nothing of trust, so within it each scope has one of its own. */
function folderFor(folder: string, trust: Offers['trust'] | undefined): CacheStore {
  if (trust === undefined || trust.scope === '') return folderCacheStore({ folder });
  const placeOf = (scope: string) =>
    folderCacheStore({ folder: join(scopesIn(folder), hash('sha256', scope).slice(0, 32)) });
  return scopedCache(placeOf(trust.scope), trust.reads.map(placeOf));
}

const readOnly = (store: CacheStore): CacheStore => ({
  ...store,
  put: () =>
    Promise.resolve({ kind: 'declined', because: 'a change from outside leaves nothing for others' }),
});
