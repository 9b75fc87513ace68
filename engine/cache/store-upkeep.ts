// What lies in a store → what must go: the least recently used above a bound, what nobody used for long, what the dead left.
import { accessSync, appendFileSync, constants, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RecordStore } from '../../src/contract/record-store.ts';
import { standing } from '../owner.ts';
import type { KeyLocks } from './key-locks.ts';
import { blobsOf, readJobs, readRecords } from './record-files.ts';
import { readSealed, sealed } from './sealed-file.ts';
import { describe, type Entry, files, findAll, type Found, type StoreEntry } from './store-entries.ts';
import { partialOwner, removeFile, type StoreFolder, writeWhole } from './store-folder.ts';

/** Of an engine: false when it is still there, because something uses it or the engine is away. */
export type RemoveSnapshot = (id: string) => Promise<boolean>;

export interface StoreStats {
  readonly maxBytes: number;
  /** Of all three. */
  readonly bytes: number;
  readonly records: Amount;
  readonly blobs: Amount;
  readonly snapshots: Amount;
}

export interface Amount {
  readonly count: number;
  readonly bytes: number;
}

export interface StoreUpkeep {
  /**
   * At the end of a run. Looks through the folder when more than the bound may be there, else once a day; then removes
   * the least recently used down to nine tenths, and snapshots that nobody used for 30 days. Without an engine
   * (`null`) snapshots stay, and nothing newer goes in their place.
   */
  upkeep(removeSnapshot: RemoveSnapshot | null): Promise<Amount>;
  /** Bytes, by what the last look found and was added since; looks where nobody did. */
  roughBytes(): Promise<number>;
  /** The least recently used first. Reads every record. */
  entries(): Promise<readonly StoreEntry[]>;
  stats(): Promise<StoreStats>;
  /** What was not used for so long, blobs that no record or chain names, and what dead processes left. */
  prune(options: { unusedForMs: number; removeSnapshot: RemoveSnapshot | null }): Promise<Amount>;
  /** All but the store's id and what living processes are at. */
  clear(options: { removeSnapshot: RemoveSnapshot | null }): Promise<Amount>;
}

/** What the last look through the folder left. */
interface Scan {
  readonly at: number;
  readonly bytes: number;
}

const hourMs = 3600_000;
const dayMs = 24 * hourMs;
const snapshotUnusedMs = 30 * dayMs;

export function storeUpkeep(
  store: StoreFolder,
  locks: KeyLocks,
  maxBytes: number,
  forgetSnapshot: RecordStore['forgetSnapshot'],
): StoreUpkeep {
  const remove = async (
    victims: readonly Found[],
    removeSnapshot: RemoveSnapshot | null,
  ): Promise<Amount> => {
    let count = 0;
    let bytes = 0;
    for (const { kind, name, path, bytes: size } of victims) {
      if (kind === 'snapshot') {
        if (removeSnapshot === null || !(await removeSnapshot(name))) continue;
        await forgetSnapshot(name);
      } else if (!removeFile(store, path)) continue;
      count++;
      bytes += size;
    }
    return { count, bytes };
  };
  const tidy = async (unusedForMs: number): Promise<void> => {
    for (const { path, usedAt } of files(store, 'chains')) {
      if (store.now() - usedAt > unusedForMs) removeFile(store, path);
    }
    await removePartials(store);
    await locks.removeDead();
  };
  return {
    async upkeep(removeSnapshot) {
      if (!isDue(store, maxBytes)) return none;
      const turn = await locks.tryLock('upkeep');
      if (turn === null) return none;
      try {
        await tidy(snapshotUnusedMs);
        const all = findAll(store);
        const victims = new Set([
          ...leastUsed(all, maxBytes),
          ...all.filter(({ kind, usedAt }) => kind === 'snapshot' && store.now() - usedAt > snapshotUnusedMs),
        ]);
        const removed = await remove([...victims], removeSnapshot);
        await keepScan(store, total(all) - removed.bytes);
        return removed;
      } finally {
        await turn.release();
      }
    },
    roughBytes() {
      const scan = readScan(store);
      const bytes = scan && (existsSync(join(store.path, 'added')) ? bytesSince(store, scan) : scan.bytes);
      return Promise.resolve(bytes ?? total(findAll(store)));
    },
    entries: () => Promise.resolve(describe(store)),
    stats() {
      const all = findAll(store);
      const amount = (kind: Found['kind']): Amount => {
        const some = all.filter((one) => one.kind === kind);
        return { count: some.length, bytes: total(some) };
      };
      return Promise.resolve({
        maxBytes,
        bytes: total(all),
        records: amount('record'),
        blobs: amount('blob'),
        snapshots: amount('snapshot'),
      });
    },
    async prune({ unusedForMs, removeSnapshot }) {
      await tidy(unusedForMs);
      const now = store.now();
      const all = findAll(store);
      const old = all.filter(({ usedAt }) => now - usedAt > unusedForMs);
      const first = await remove(old, removeSnapshot);
      const links = [...readJobs(store)].flatMap(({ chains }) => chains.flatMap((chain) => chain.links));
      const named = new Set([
        ...[...readRecords(store)].flatMap(blobsOf),
        ...links.flatMap((link) => link.files ?? []),
      ]);
      const orphans = all.filter(
        (one) =>
          one.kind === 'blob' && !old.includes(one) && !named.has(one.name) && now - one.usedAt > hourMs,
      );
      return sum(first, await remove(orphans, removeSnapshot));
    },
    async clear({ removeSnapshot }) {
      await tidy(-1);
      return remove(findAll(store), removeSnapshot);
    },
  };
}

const none: Amount = { count: 0, bytes: 0 };
const sum = (a: Amount, b: Amount): Amount => ({ count: a.count + b.count, bytes: a.bytes + b.bytes });
const total = (entries: readonly Entry[]): number => entries.reduce((sum, { bytes }) => sum + bytes, 0);

/** Those that must go for the rest to come down to nine tenths of the bound; none while all is within it. */
export function leastUsed<T extends Entry>(all: readonly T[], maxBytes: number): T[] {
  let bytes = total(all);
  if (bytes <= maxBytes) return [];
  return all
    .toSorted((a, b) => a.usedAt - b.usedAt)
    .filter((one) => {
      const goes = bytes > 0.9 * maxBytes;
      if (goes) bytes -= one.bytes;
      return goes;
    });
}

/** By what the last scan found and what was added since, which is one number a line in `added`; no scan itself. */
function isDue(store: StoreFolder, maxBytes: number): boolean {
  const { added } = store;
  store.added = 0;
  try {
    accessSync(store.path, constants.W_OK);
    if (added > 0) appendFileSync(join(store.path, 'added'), `${added}\n`);
  } catch {
    return false;
  }
  const scan = readScan(store);
  if (scan === null || Math.abs(store.now() - scan.at) > dayMs) return true;
  if (added === 0) return false;
  return (bytesSince(store, scan) ?? Infinity) > maxBytes;
}

const readScan = (store: StoreFolder): Scan | null =>
  readSealed<Scan>(
    store,
    join(store.path, 'scan'),
    'scan',
    ({ at, bytes }) => typeof at === 'number' && typeof bytes === 'number',
  )?.value ?? null;

/** Null: another process has looked through the folder meanwhile, or nothing can be said. */
function bytesSince(store: StoreFolder, scan: Scan): number | null {
  try {
    const lines = readFileSync(join(store.path, 'added'), 'utf8').trim().split('\n');
    const bytes = lines.reduce((sum, line) => sum + Number(line), scan.bytes);
    return Number.isNaN(bytes) ? null : bytes; // Not a number: a damaged line.
  } catch {
    return null;
  }
}

async function keepScan(store: StoreFolder, bytes: number): Promise<void> {
  const scan: Scan = { at: store.now(), bytes };
  if (await writeWhole(store, join(store.path, 'scan'), sealed(scan))) {
    removeFile(store, join(store.path, 'added'));
  }
  store.added = 0;
}

/** What processes were writing when they died. One that cannot be looked at from here gets a day. */
async function removePartials(store: StoreFolder): Promise<void> {
  const self = await store.self();
  for (const { name, path, usedAt } of files(store, 'partial')) {
    const owner = await standing(partialOwner(name), self, store.platform);
    if (owner === 'dead' || (owner === 'foreign' && store.now() - usedAt > dayMs)) removeFile(store, path);
  }
}
