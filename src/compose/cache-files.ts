// Small files of the cache folder that no store keeps → what they are, how large, and when they were last used.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheMount } from '../contract/sandbox.ts';

/** `index`: of source trees; `parsed`: pipeline files; `caches`: a note for each cache directory, see `noteCaches`. */
export type FileShelf = 'index' | 'parsed' | 'caches';

export interface CacheFile {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since the epoch: last read, as far as the file system keeps that, or written. */
  readonly usedAt: number;
  /** It is being written, or its writer died. */
  readonly isDraft: boolean;
}

const hourMs = 3600_000;

export function cacheFiles(folder: string, shelf: FileShelf): CacheFile[] {
  return namesIn(join(folder, shelf)).flatMap((name) => {
    const path = join(folder, shelf, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (!stats?.isFile()) return [];
    // A note is read by who looks on, the others only by who uses them.
    const touched = shelf === 'caches' ? stats.mtimeMs : Math.max(stats.atimeMs, stats.mtimeMs);
    const usedAt = Math.min(Date.now(), touched);
    return [{ name, path, bytes: stats.size, usedAt, isDraft: name.includes('.') }];
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** False: it is still there. */
export function removeCacheFile({ path }: CacheFile): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}

export interface CacheNote {
  readonly root: string;
  readonly cache: string;
}

/**
 * Notes which checkout a cache directory belongs to, and that a run names it now: the engine keeps neither. What cannot
 * be written is not noted; the directory then counts as last used when it was made.
 */
export function noteCaches(folder: string, root: string, mounts: readonly CacheMount[]): void {
  const now = Date.now();
  for (const { volume, cache } of mounts) {
    const path = join(folder, 'caches', volume);
    try {
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined) {
        mkdirSync(join(folder, 'caches'), { recursive: true, mode: 0o700 });
        writeFileSync(path, JSON.stringify({ root, cache } satisfies CacheNote), { mode: 0o600 });
      } else if (Math.abs(now - stats.mtimeMs) > hourMs) utimesSync(path, now / 1000, now / 1000);
    } catch {
      // Said above.
    }
  }
}

/** Null: damaged, which costs no more than words. */
export function readNote({ path }: CacheFile): CacheNote | null {
  try {
    const note = JSON.parse(readFileSync(path, 'utf8')) as Partial<CacheNote> | null;
    return typeof note?.root === 'string' && typeof note.cache === 'string'
      ? { root: note.root, cache: note.cache }
      : null;
  } catch {
    return null;
  }
}
