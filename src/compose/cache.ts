// The cache folder and the engine → what is kept there for later runs, with what each piece belongs to.
import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { StoreEntry } from '../../engine/cache/store-entries.ts';
import type { DirectoryStore } from '../../engine/cache/directory-store.ts';
import { findRoot } from '../../engine/source-root.ts';
import type { CacheVolumeInfo, Engine, SnapshotInfo } from '../contract/sandbox.ts';
import type { CacheContents, CacheEngine, CacheEntry, CacheUser } from '../model/cache-contents.ts';
import { type Failure, ok, type Outcome } from '../model/failure.ts';
import { cacheFiles, type CacheNote, type FileShelf, readNote } from './cache-files.ts';
import { recordFolder } from './cache-folder.ts';
import { type EngineOptions, openEngines } from './engines.ts';
import { cacheBytes, openStore } from './reuse.ts';
import { openScope, scopeFolders, type ScopeFolder } from './trust-scopes.ts';

export interface CacheOptions extends EngineOptions {
  /** Where the command was called: who has no home keeps the cache in the state folder of the checkout. */
  readonly calledFrom: string;
}

/** What one scope of trust keeps. */
export interface OpenedCache {
  /** Absent: the machine itself. */
  readonly scope?: ScopeFolder;
  readonly folder: string;
  readonly store: DirectoryStore;
}

export interface OpenedCaches {
  /** In the order in which they can be emptied; the machine itself last. */
  readonly all: readonly OpenedCache[];
  readonly engine: Outcome<Engine>;
  /** Of the folders, for people. */
  readonly faults: readonly string[];
}

/**
 * Null where there is no folder: then nothing is kept, and no engine is asked. One that is away is no failure.
 * Failures, kind `usage`: `cache-size`, `no-engine` (no address of one).
 */
export async function useCaches<T>(
  options: CacheOptions,
  use: (caches: OpenedCaches) => Promise<T>,
): Promise<Outcome<T | null>> {
  const { environment, calledFrom } = options;
  const root = findRoot(calledFrom);
  const folder = recordFolder(root, environment);
  if (!existsSync(folder)) return ok(null);
  const faults: string[] = [];
  const tell = (message: string): unknown => faults.push(message);
  const machine = openStore(root, environment, tell);
  if (!machine.ok) return machine;
  const scopes = scopeFolders(folder).map((scope) => {
    return { scope, folder: scope.folder, store: openScope(scope, machine.value, tell) };
  });
  const all: OpenedCache[] = [...scopes, { folder, store: machine.value }];
  const engines = await openEngines({ ...options, onlyLooks: true });
  if (!engines.ok) return engines;
  try {
    const engine = await engines.value.current();
    if (!engine.ok && engine.failure.kind === 'usage') return engine;
    return ok(await use({ all, engine, faults }));
  } finally {
    await engines.value.close();
  }
}

/** All there is, and nothing changed. Failures of `useCaches`. */
export async function readCache(options: CacheOptions): Promise<Outcome<CacheContents>> {
  const maxBytes = cacheBytes(options.environment);
  if (!maxBytes.ok) return maxBytes;
  const found = await useCaches(options, async ({ all, engine }) => {
    let asked: Outcome<unknown> = engine;
    const stored = await Promise.all(all.map(({ store }) => store.entries()));
    const entries: CacheEntry[] = [];
    for (const [index, { folder, store, scope }] of all.entries()) {
      const held = asked.ok ? await heldBy(engine, store.id) : asked;
      asked = held;
      const own = [
        ...storeEntries(stored[index] ?? [], held.ok ? held.value.snapshots : null),
        ...(scope === undefined ? fileEntries(folder, stored.flat()) : []),
        ...(held.ok ? volumeEntries(folder, held.value.volumes) : []),
      ];
      entries.push(...own.map((entry) => (scope ? { ...entry, scope: scopeName(scope) } : entry)));
    }
    return { engine: engineOf(engine, asked), entries: entries.sort((a, b) => b.usedAt - a.usedAt) };
  });
  if (!found.ok) return found;
  const none = { engine: null, entries: [] };
  const folder = recordFolder(findRoot(options.calledFrom), options.environment);
  return ok({ folder, maxBytes: maxBytes.value, ...(found.value ?? none) });
}

const scopeName = ({ scope }: ScopeFolder): string => (scope === '' ? 'unknown' : scope);

interface Held {
  readonly snapshots: readonly SnapshotInfo[];
  readonly volumes: readonly CacheVolumeInfo[];
}

async function heldBy(engine: Outcome<Engine>, store: string): Promise<Outcome<Held>> {
  if (!engine.ok) return engine;
  const { snapshots, caches } = engine.value;
  const [images, volumes] = await Promise.all([snapshots.list(store), caches.list(store)]);
  if (!images.ok) return images;
  if (!volumes.ok) return volumes;
  return ok({ snapshots: images.value, volumes: volumes.value });
}

export const engineOf = (engine: Outcome<Engine>, asked: Outcome<unknown>): CacheEngine => {
  if (engine.ok && asked.ok) return { name: engine.value.description };
  return { away: failureOf(engine.ok ? asked : engine)?.message ?? '' };
};

const failureOf = (outcome: Outcome<unknown>): Failure | null => (outcome.ok ? null : outcome.failure);

/** `images`: those of the engine; null where they are not known. */
function storeEntries(stored: readonly StoreEntry[], images: readonly SnapshotInfo[] | null): CacheEntry[] {
  const users = new Map<string, readonly CacheUser[]>();
  for (const entry of stored) {
    if (entry.kind !== 'record') continue;
    const step = entry.of === 'step' && entry.link !== null ? { step: entry.link } : {};
    users.set(
      entry.key,
      entry.jobs.flatMap(readJob).map((user) => ({ ...user, ...step })),
    );
  }
  const usersOf = (records: readonly string[]) => records.flatMap((key) => users.get(key) ?? []);
  const inEngine = new Set(images?.map(({ id }) => id));
  const known = stored.map((entry): CacheEntry => {
    const { kind, bytes, usedAt } = entry;
    switch (kind) {
      case 'record':
        return { kind: entry.of, id: entry.key, bytes, usedAt, belongsTo: users.get(entry.key) ?? [] };
      case 'blob': {
        const { digest: id, records, jobs } = entry;
        return {
          kind,
          id,
          bytes,
          usedAt,
          belongsTo: [...usersOf(records), ...jobs.flatMap(readJob)],
          records,
        };
      }
      case 'snapshot': {
        const { id, records } = entry;
        const isGone = images !== null && !inEngine.has(id);
        const state = isGone ? { state: 'not in this engine' as const } : {};
        return { kind, id, bytes, usedAt, belongsTo: usersOf(records), records, ...state };
      }
    }
  });
  const ids = new Set(known.map(({ id }) => id));
  const orphans = (images ?? [])
    .filter(({ id }) => !ids.has(id))
    .map(({ id, bytes, created }): CacheEntry => {
      return { kind: 'snapshot', id, bytes, usedAt: created, belongsTo: [], records: [], state: 'orphaned' };
    });
  return [...known, ...orphans];
}

/** What engine/reuse-job calls a chain. */
function readJob(chain: string): CacheUser[] {
  try {
    const [root, file, job] = JSON.parse(chain) as unknown[];
    if (typeof root !== 'string' || typeof file !== 'string' || typeof job !== 'string') return [];
    return [{ root, file, job }];
  } catch {
    return [];
  }
}

/** The names of indexes are digests of the checkouts' paths: whoever is known by a job can be told. */
function fileEntries(folder: string, stored: readonly StoreEntry[]): CacheEntry[] {
  const jobs = stored.flatMap((entry) => (entry.kind === 'snapshot' ? [] : entry.jobs.flatMap(readJob)));
  const roots = new Map(jobs.map(({ root }) => [hash('sha256', root), root]));
  const all = (kind: CacheEntry['kind'], shelf: FileShelf): CacheEntry[] =>
    cacheFiles(folder, shelf).map(({ name, bytes, usedAt }) => {
      const root = roots.get(name);
      return { kind, id: name, bytes, usedAt, belongsTo: root === undefined ? [] : [{ root }] };
    });
  return [...all('source index', 'index'), ...all('parsed file', 'parsed')];
}

function volumeEntries(folder: string, volumes: readonly CacheVolumeInfo[]): CacheEntry[] {
  const notes = volumeNotes(folder);
  return volumes.map(({ volume, cache, created, bytes }) => {
    const note = notes.get(volume);
    return {
      kind: 'cache directory',
      id: volume,
      bytes: bytes < 0 ? null : bytes,
      usedAt: Math.max(created, note?.usedAt ?? 0),
      belongsTo: note?.root === undefined ? [] : [{ root: note.root, cache }],
    };
  });
}

/** By the volume's name. */
export function volumeNotes(folder: string): ReadonlyMap<string, Partial<CacheNote> & { usedAt: number }> {
  return new Map(
    cacheFiles(folder, 'caches').map((file) => [file.name, { ...readNote(file), usedAt: file.usedAt }]),
  );
}
