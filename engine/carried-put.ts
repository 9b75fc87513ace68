// A file → the place that keeps it between machines; what that place refuses is told.
import type { CacheStore } from '../src/contract/cache-store.ts';

export interface CarriedNotice {
  readonly level: 'info' | 'warning';
  readonly code: string;
  readonly message: string;
}

export async function putFile(
  cache: CacheStore,
  key: string,
  file: string,
  tell: (notice: CarriedNotice) => void,
): Promise<void> {
  const receipt = await cache.put(key, file);
  if (receipt.kind !== 'declined') return;
  const message = `${cache.name} takes nothing: ${receipt.because}`;
  tell({ level: 'info', code: 'cache-declined', message });
}
