// The environment → the store of records of this machine, and what tells of its faults.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { openDirectoryStore, type DirectoryStore } from '../../engine/cache/directory-store.ts';
import type { Environment } from '../contract/provider.ts';
import type { Engine } from '../contract/sandbox.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { parseSize } from '../model/size.ts';
import { cacheFolder, recordFolder } from './cache-folder.ts';

const defaultBytes = 10 * 1024 ** 3;

/** Failure `cache-size` (usage): `LOCKSTEP_CACHE_SIZE` is no size. */
export function openStore(
  root: string,
  environment: Environment,
  onFault: (message: string) => void,
): Outcome<DirectoryStore> {
  const maxBytes = cacheBytes(environment);
  if (!maxBytes.ok) return maxBytes;
  const folder = recordFolder(root, environment);
  const { platform, pid } = process;
  return ok(openDirectoryStore({ folder, onFault, maxBytes: maxBytes.value, platform, pid }));
}

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
