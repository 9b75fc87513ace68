// How long something may lie unused → the cache folder and the engine without it, and what was freed.
import type { RemoveSnapshot } from '../../engine/cache/store-upkeep.ts';
import type { RecordStore } from '../contract/record-store.ts';
import type { CacheVolumeInfo, Engine, SnapshotInfo } from '../contract/sandbox.ts';
import type { CacheAmount, CacheKind, CacheRemoval, RemovedKind } from '../model/cache-contents.ts';
import { ok, type Outcome } from '../model/failure.ts';
import { engineOf, type CacheOptions, type OpenedCache, useCaches, volumeNotes } from './cache.ts';
import { cacheFiles, removeCacheFile } from './cache-files.ts';
import { isAbandoned } from './orphans.ts';
import { removeScopeFolder } from './trust-scopes.ts';

/** What a run makes is there a moment before anything remembers it. */
const orphanMs = 3600_000;

/**
 * `unusedForMs`: what was not used for longer goes, and so does what nothing remembers and what the dead left half
 * written; `'all'`: everything. What is in use stays. Failures of `useCaches`.
 */
export async function removeFromCache(
  options: CacheOptions,
  unusedForMs: number | 'all',
): Promise<Outcome<CacheRemoval>> {
  const removal = await useCaches(options, async ({ all, engine, faults }) => {
    let sum: CacheRemoval = { ...nothing, engine: engineOf(engine, engine) };
    let asked = engine;
    for (const cache of all) {
      const { end, ...removed } = await removeUnused(cache, asked, unusedForMs);
      if (asked.ok && !end.ok) asked = end;
      sum = { ...added(sum, removed), engine: engineOf(engine, asked) };
      const isDue = unusedForMs === 'all' || Date.now() - (cache.scope?.usedAt ?? 0) > unusedForMs;
      if (cache.scope && isDue && end.ok && removed.inUse.length === 0) removeScopeFolder(cache.folder);
    }
    return { ...sum, faults };
  });
  return removal.ok ? ok(removal.value ?? nothing) : removal;
}

const none: CacheAmount = { count: 0, bytes: 0 };
const nothing: CacheRemoval = {
  engine: null,
  removed: { records: none, snapshots: none, 'cache-directories': none, indexes: none },
  inUse: [],
  unreached: 0,
  faults: [],
};

type Removed = Pick<CacheRemoval, 'removed' | 'inUse' | 'unreached'>;

function added(one: CacheRemoval, other: Removed): CacheRemoval {
  const both = (kind: RemovedKind): CacheAmount => ({
    count: one.removed[kind].count + other.removed[kind].count,
    bytes: one.removed[kind].bytes + other.removed[kind].bytes,
  });
  return {
    ...one,
    removed: {
      records: both('records'),
      snapshots: both('snapshots'),
      'cache-directories': both('cache-directories'),
      indexes: both('indexes'),
    },
    inUse: [...one.inUse, ...other.inUse],
    unreached: one.unreached + other.unreached,
  };
}

/** `end`: a failure of the engine's, where something may be left. */
async function removeUnused(
  { folder, store }: OpenedCache,
  engine: Outcome<Engine>,
  unusedForMs: number | 'all',
): Promise<Removed & { readonly end: Outcome<Engine> }> {
  const now = Date.now();
  const isDue: IsDue = (usedAt, atMostMs = Infinity) =>
    unusedForMs === 'all' || now - usedAt > Math.min(unusedForMs, atMostMs);
  const isOrphanDue = (orphan: SnapshotInfo): boolean =>
    unusedForMs === 'all' || isAbandoned(orphan, Math.min(unusedForMs, orphanMs));
  const remembered = await store.snapshots();
  const notes = volumeNotes(folder);
  const inEngine = engine.ok
    ? await removeHeld(engine.value, store, notes, { isDue, isOrphanDue })
    : { snapshots: none, volumes: none, inUse: [], end: engine };
  const dueNow = (all: Iterable<{ readonly usedAt: number }>): number =>
    [...all].filter(({ usedAt }) => isDue(usedAt)).length;

  const sizes = new Map(remembered.map(({ id, bytes }) => [id, bytes]));
  const forgotten: number[] = [];
  const kept = new Set(inEngine.inUse.map(({ id }) => id));
  // Those that must go are gone: the store is only to forget them.
  const forget: RemoveSnapshot = (id) => {
    if (!kept.has(id)) forgotten.push(sizes.get(id) ?? 0);
    return Promise.resolve(!kept.has(id));
  };
  const removeSnapshot = inEngine.end.ok ? forget : null;
  const amount =
    unusedForMs === 'all'
      ? await store.clear({ removeSnapshot })
      : await store.prune({ unusedForMs, removeSnapshot });
  return {
    end: inEngine.end.ok ? engine : inEngine.end,
    removed: {
      records: { count: amount.count - forgotten.length, bytes: amount.bytes - sum(forgotten) },
      snapshots: inEngine.snapshots,
      'cache-directories': inEngine.volumes,
      indexes: removeFiles(folder, isDue),
    },
    inUse: inEngine.inUse,
    unreached: inEngine.end.ok ? 0 : dueNow(remembered) + dueNow(notes.values()),
  };
}

/** Whether it must go; `atMostMs` where it need not lie as long as the rest. */
type IsDue = (usedAt: number, atMostMs?: number) => boolean;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

interface HeldRemoval {
  readonly snapshots: CacheAmount;
  readonly volumes: CacheAmount;
  readonly inUse: CacheRemoval['inUse'];
  /** Where it is a failure, something may be left. */
  readonly end: Outcome<unknown>;
}

async function removeHeld(
  { snapshots, caches }: Engine,
  store: RecordStore,
  notes: ReturnType<typeof volumeNotes>,
  { isDue, isOrphanDue }: { isDue: IsDue; isOrphanDue: (orphan: SnapshotInfo) => boolean },
): Promise<HeldRemoval> {
  let usedAt = new Map<string, number>();
  const images = await removeDue({
    list: async () => {
      const all = await snapshots.list(store.id);
      // After the list: what a maker that was dead by then had remembered is among it.
      usedAt = new Map((await store.snapshots()).map((one) => [one.id, one.usedAt]));
      return all.ok ? ok(all.value.map((one) => ({ kind: 'snapshot' as const, ...one }))) : all;
    },
    isDue: (one) => {
      const used = usedAt.get(one.id);
      return used === undefined ? isOrphanDue(one) : isDue(used);
    },
    remove: (id) => snapshots.remove(id),
  });
  if (!images.end.ok) return { ...images, snapshots: images.removed, volumes: none };
  const volumes = await removeDue({
    list: async () => {
      const all = await caches.list(store.id);
      const named = (one: CacheVolumeInfo) => ({ kind: 'cache directory' as const, id: one.volume, ...one });
      return all.ok ? ok(all.value.map(named)) : all;
    },
    isDue: ({ id, created }) => isDue(Math.max(created, notes.get(id)?.usedAt ?? 0)),
    remove: (volume) => caches.remove(volume),
  });
  return {
    snapshots: images.removed,
    volumes: volumes.removed,
    inUse: [...images.inUse, ...volumes.inUse],
    end: volumes.end,
  };
}

interface HeldThing {
  readonly kind: CacheKind;
  readonly id: string;
  readonly bytes: number;
  readonly created: number;
  readonly cache?: string;
}

/** In the order of the list: snapshots stand on each other. */
async function removeDue<T extends HeldThing>(of: {
  readonly list: () => Promise<Outcome<readonly T[]>>;
  readonly isDue: (thing: T) => boolean;
  readonly remove: (id: string) => Promise<Outcome<boolean>>;
}): Promise<{ removed: CacheAmount; inUse: CacheRemoval['inUse']; end: Outcome<unknown> }> {
  let removed = none;
  const left = new Map<string, CacheRemoval['inUse'][number]>();
  const all = await of.list();
  if (!all.ok) return { removed, inUse: [], end: all };
  for (const thing of all.value.filter(of.isDue)) {
    const { kind, id, bytes, cache } = thing;
    const gone = await of.remove(id);
    if (!gone.ok) return { removed, inUse: [...left.values()], end: gone };
    if (gone.value) removed = { count: removed.count + 1, bytes: removed.bytes + Math.max(0, bytes) };
    else left.set(id, { kind, id, ...(cache !== undefined && { cache }) });
  }
  if (left.size === 0) return { removed, inUse: [], end: all };
  // In use, or somebody else removed it meanwhile.
  const now = await of.list();
  const inUse = now.ok ? now.value.flatMap(({ id }) => left.get(id) ?? []) : [];
  return { removed, inUse, end: now };
}

/** Drafts take no longer to write than an orphan to be remembered. */
function removeFiles(folder: string, isDue: IsDue): CacheAmount {
  const files = (['index', 'parsed', 'caches'] as const)
    .flatMap((shelf) => cacheFiles(folder, shelf))
    .filter(({ usedAt, isDraft }) => isDue(usedAt, isDraft ? orphanMs : Infinity))
    .filter(removeCacheFile);
  return { count: files.length, bytes: sum(files.map(({ bytes }) => bytes)) };
}
