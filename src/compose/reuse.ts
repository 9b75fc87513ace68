// The environment → the store of records of this machine, and what tells of its faults.
import { createHash, hash } from 'node:crypto';
import { join } from 'node:path';
import {
  directoryStoreId,
  openDirectoryStore,
  readDirectoryStore,
  type DirectoryStore,
} from '../../engine/cache/directory-store.ts';
import { layeredStore } from '../../engine/cache/layered-store.ts';
import type { Environment, Trust } from '../contract/provider.ts';
import type { Engine } from '../contract/sandbox.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { canonicalJson } from '../model/json.ts';
import { parseSize } from '../model/size.ts';
import { cacheFolder, recordFolder } from './cache-folder.ts';

const defaultBytes = 10 * 1024 ** 3;

export interface ScopedStore extends DirectoryStore {
  /** Ids of the stores that it reads besides, the nearest first. */
  readonly reads: readonly string[];
}

/** Failure `cache-size` (usage): `LOCKSTEP_CACHE_SIZE` is no size. */
export function openStore(
  root: string,
  environment: Environment,
  onFault: (message: string) => void,
  { scope, reads }: Pick<Trust, 'scope' | 'reads'> = { scope: '', reads: [] },
): Outcome<ScopedStore> {
  const maxBytes = cacheBytes(environment);
  if (!maxBytes.ok) return maxBytes;
  const place = { onFault, platform: process.platform, pid: process.pid };
  const folder = recordFolder(root, environment);
  const open = { ...place, maxBytes: maxBytes.value };
  if (scope === '') return ok({ ...openDirectoryStore({ ...open, folder }), reads: [] });
  const machine = directoryStoreId({ ...place, folder });
  const others = reads.map((other) => ({
    folder: recordFolder(root, environment, other),
    id: scopeStoreId(machine, other),
  }));
  const own = openDirectoryStore({
    ...{ ...open, folder: recordFolder(root, environment, scope), id: scopeStoreId(machine, scope) },
  });
  const readers = others.map((other) => readDirectoryStore({ ...place, ...other }));
  return ok({ ...layeredStore(own, readers), reads: others.map(({ id }) => id) });
}

/** Made of names alone: when the folder of a scope is gone, its volumes and snapshots in the engine are still known. */
export const scopeStoreId = (machine: string, scope: string): string =>
  hash('sha256', canonicalJson([machine, scope])).slice(0, 32);

/** The bound of the cache. Failure as above. */
export function cacheBytes({ LOCKSTEP_CACHE_SIZE: size }: Environment): Outcome<number> {
  const bytes = size === undefined || size === '' ? defaultBytes : parseSize(size);
  return bytes === null
    ? fail('usage', 'cache-size', `LOCKSTEP_CACHE_SIZE is '${size ?? ''}', which is no size`, {
        hint: 'write 500MiB or 20g',
      })
    : ok(bytes);
}

/** Where the stat index of a source root lies; none without a cache folder. */
export function sourceIndex(root: string, environment: Environment): { index?: string } {
  const folder = cacheFolder(environment);
  const name = createHash('sha256').update(root).digest('hex');
  return folder === null ? {} : { index: join(folder, 'index', name) };
}

/** True once the snapshot is gone, also when it had been gone before. */
export const snapshotRemover =
  (engine: Engine) =>
  async (id: string): Promise<boolean> => {
    const removed = await engine.snapshots.remove(id);
    if (removed.ok && removed.value) return true;
    const there = await engine.snapshots.has(id);
    return there.ok && !there.value;
  };
