// Scopes of trust that keep something on this machine → who they are and when they were last used; and without those that are due.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { openDirectoryStore, type DirectoryStore } from '../../engine/cache/directory-store.ts';
import type { Environment, Trust } from '../contract/provider.ts';
import type { Engine } from '../contract/sandbox.ts';
import { recordFolder, scopesIn } from './cache-folder.ts';
import { cacheBytes, openStore, scopeStoreId } from './reuse.ts';

type Scope = Pick<Trust, 'scope' | 'reads'>;

const hourMs = 3600_000;
/** As long as GitHub keeps a cache that nobody reads. */
const unusedMs = 7 * 24 * hourMs;
/** A run leaves one more at most, so that even this many come to an end. */
const atOnce = 5;

export interface ScopeFolder extends Scope {
  /** `scope` is `''` where its note is damaged. */
  readonly folder: string;
  /** Milliseconds since the epoch: when a run of it began last. */
  readonly usedAt: number;
}

const note = 'scope';

/**
 * Tells that the scope is used now; of one that this run may not write only where something lies already. What cannot be
 * written is a scope without a name.
 */
export function noteScope(folder: string, { scope, reads, writes }: Trust): void {
  if (scope === '' || (!writes && !existsSync(folder))) return;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, note);
    const text = JSON.stringify({ scope, reads });
    if (readNote(path) === text) utimesSync(path, new Date(), new Date());
    else writeFileSync(path, text, { mode: 0o600 });
  } catch {
    // Said above.
  }
}

/** `base`: the folder of the machine. Those that read the most others first: their snapshots may stand on those of the others. */
export function scopeFolders(base: string): ScopeFolder[] {
  const scopes = namesIn(scopesIn(base)).flatMap((name): ScopeFolder[] => {
    const folder = join(scopesIn(base), name);
    const path = join(folder, note);
    const stats = [path, folder].map((one) => statSync(one, { throwIfNoEntry: false })).find((one) => one);
    return stats === undefined
      ? []
      : [{ folder, usedAt: Math.min(stats.mtimeMs, Date.now()), ...parseNote(readNote(path)) }];
  });
  return scopes.sort((one, other) => other.reads.length - one.reads.length);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readNote(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function parseNote(text: string): Scope {
  try {
    const { scope, reads } = JSON.parse(text) as Partial<Scope>;
    if (typeof scope === 'string' && Array.isArray(reads)) return { scope, reads };
  } catch {
    // Written half, or by nobody of ours.
  }
  return { scope: '', reads: [] };
}

interface Room {
  readonly maxBytes: number;
  /** Of what belongs to no scope. */
  readonly otherBytes: number;
  readonly now: number;
}

/**
 * Those to remove: unused for a week; then, while all together are larger than the bound, the least recently used, but for those
 * used within the hour. A scope is used by those that read it, too. Never the `current` one, nor what that reads.
 */
export async function scopesDue(
  scopes: readonly ScopeFolder[],
  current: Scope,
  bytesOf: (scope: ScopeFolder) => Promise<number>,
  { maxBytes, otherBytes, now }: Room,
): Promise<ScopeFolder[]> {
  const usedAt = ({ scope, usedAt: own }: ScopeFolder): number =>
    Math.max(own, ...scopes.filter(({ reads }) => reads.includes(scope)).map((reader) => reader.usedAt));
  const inUse = [current.scope, ...current.reads];
  const others = scopes
    .filter(({ scope }) => scope === '' || !inUse.includes(scope))
    .toSorted((a, b) => usedAt(a) - usedAt(b));
  const due = others.filter((one) => now - usedAt(one) > unusedMs);
  const left = await Promise.all(
    scopes.filter((one) => !due.includes(one)).map(async (one) => [one, await bytesOf(one)] as const),
  );
  const sizes = new Map(left);
  let bytes = left.reduce((sum, [, size]) => sum + size, otherBytes);
  if (bytes <= maxBytes) return due;
  for (const one of others.filter((other) => sizes.has(other) && now - usedAt(other) > hourMs)) {
    if (bytes <= 0.9 * maxBytes) break;
    bytes -= sizes.get(one) ?? 0;
    due.push(one);
  }
  return due;
}

/** First what the engine holds of it: as long as some of that is there, the folder is. True: nothing is left. */
export async function removeScope(
  { snapshots, caches }: Engine,
  { id }: Pick<DirectoryStore, 'id'>,
  { folder, scope }: ScopeFolder,
): Promise<boolean> {
  if (scope !== '') {
    const [images, volumes] = await Promise.all([snapshots.list(id), caches.list(id)]);
    if (!images.ok || !volumes.ok) return false;
    for (const image of images.value) {
      const removed = await snapshots.remove(image.id);
      if (!removed.ok || !removed.value) return false;
    }
    for (const { volume } of volumes.value) {
      const removed = await caches.remove(volume);
      if (!removed.ok || !removed.value) return false;
    }
  }
  return removeScopeFolder(folder);
}

export function removeScopeFolder(folder: string): boolean {
  try {
    rmSync(folder, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}

/** At the end of a run: those that are due, but no more than `atOnce`, which take a while. What is left is for the next one. */
export async function pruneScopes(
  root: string,
  environment: Environment,
  current: Scope,
  engine: Engine,
): Promise<void> {
  const base = recordFolder(root, environment);
  const scopes = scopeFolders(base);
  const maxBytes = cacheBytes(environment);
  if (scopes.length === 0 || !maxBytes.ok) return;
  const machine = openStore(root, environment, () => undefined);
  if (!machine.ok) return;
  const storeOf = (scope: ScopeFolder) => openScope(scope, machine.value, () => undefined);
  const due = await scopesDue(scopes, current, (scope) => storeOf(scope).roughBytes(), {
    ...{ maxBytes: maxBytes.value, otherBytes: await machine.value.roughBytes(), now: Date.now() },
  });
  for (const one of due.slice(0, atOnce)) await removeScope(engine, storeOf(one), one);
}

/** `machine`: the store of the machine itself. */
export function openScope(
  { folder, scope }: ScopeFolder,
  machine: Pick<DirectoryStore, 'id'>,
  onFault: (message: string) => unknown,
): DirectoryStore {
  const { platform, pid } = process;
  // It is looked at and tidied up; a run of its own keeps it within the bound.
  return openDirectoryStore({
    ...{ folder, platform, pid, maxBytes: Infinity, id: scopeStoreId(machine.id, scope) },
    onFault: (message) => void onFault(message),
  });
}
