// `--cache FOLDER` → what carries records, snapshots and caches of a run from one machine to the next. Loaded only with it.
import { folderCacheStore } from '../../engine/cache/folder-cache-store.ts';
import { createCarrier, type Carrier, type CarrierOptions } from '../../engine/carried.ts';
import type { Emit } from '../model/event.ts';

export function openCarrier(
  folder: string,
  { emit, ...options }: Omit<CarrierOptions, 'cache' | 'notice'> & { readonly emit: Emit },
): Carrier {
  return createCarrier({
    ...options,
    cache: folderCacheStore({ folder }),
    notice: (notice) => emit({ type: 'notice', ...notice }),
  });
}
