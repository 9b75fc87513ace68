// A file → the place that keeps it between machines; what that place refuses is told.
import type { CacheStore } from '../src/contract/cache-store.ts';

export interface CarriedNotice {
  readonly level: 'info' | 'warning';
  readonly code: string;
  readonly message: string;
}

/** False: it takes nothing from this run, which is told; so nothing need be packed for it. */
export function takes({ name, takesNothing }: CacheStore, tell: (notice: CarriedNotice) => void): boolean {
  if (takesNothing !== undefined) tell(declined(name, takesNothing));
  return takesNothing === undefined;
}

export async function putFile(
  cache: CacheStore,
  key: string,
  file: string,
  tell: (notice: CarriedNotice) => void,
): Promise<void> {
  const receipt = await cache.put(key, file);
  if (receipt.kind === 'declined') tell(declined(cache.name, receipt.because));
}

const declined = (name: string, because: string): CarriedNotice => ({
  ...{ level: 'info', code: 'cache-declined', message: `${name} takes nothing: ${because}` },
});
