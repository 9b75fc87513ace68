// A directory store in a folder of each test's own, with what it complained about and a clock that the test sets.
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { openDirectoryStore, type DirectoryStore } from '../../../../engine/cache/directory-store.ts';
import type { Owner } from '../../../../engine/owner.ts';

export const hourMs = 3600_000;
export const dayMs = 24 * hourMs;
export const never = new AbortController().signal;

interface Rig {
  folder: string;
  faults: string[];
  now: number;
  store: DirectoryStore;
}

/** Filled before each test of a file that calls `storeForEach`; the test may set any of it. */
export const rig = {} as Rig;

export function storeForEach(): void {
  beforeEach(() => {
    rig.folder = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
    rig.faults = [];
    rig.now = Date.now();
    rig.store = open();
  });
  afterEach(() => rmSync(rig.folder, { recursive: true, force: true }));
}

/** Another one over the same folder. */
export const open = (self?: Owner, maxBytes = 1e9): DirectoryStore =>
  openDirectoryStore({
    folder: rig.folder,
    onFault: (message) => rig.faults.push(message),
    maxBytes,
    platform: process.platform,
    pid: process.pid,
    now: () => rig.now,
    ...(self !== undefined && { self }),
  });
export const file = (shelf: string, digest: string): string =>
  join(rig.folder, shelf, digest.replace('sha256:', ''));
export const list = (shelf: string): string[] => readdirSync(join(rig.folder, shelf));
/** Sets when a file was last used, in milliseconds before now. */
export const age = (path: string, ms: number): void =>
  utimesSync(path, (rig.now - ms) / 1000, (rig.now - ms) / 1000);
export const usedAgo = (path: string): number => rig.now - statSync(path).mtimeMs;
