// Files that are read with an index and without, by a clock that the test sets.
import { beforeEach } from 'vitest';
import { readEntries } from '../../../engine/disk-tree.ts';
import { SourceIndex, type Clock } from '../../../engine/source-index.ts';
import { sortByPath } from '../../../src/model/path-bytes.ts';
import type { TreeEntry } from '../../../src/model/tree.ts';
import { folderForEach, HOUR, nextTick, rig } from './source-folder.ts';

/** Set before each test of a file that calls `filesForEach`. */
export const clock = { at: 0, boot: 0 };

export function filesForEach(): void {
  folderForEach();
  beforeEach(() => {
    // Later by so much that files which were written just now have settled.
    Object.assign(clock, { at: Date.now() + HOUR, boot: 0 });
  });
}

export const testClock = (): Clock => ({ now: () => clock.at, bootedAt: () => clock.boot });

/** What an index that serves these paths says, and which of them had to be read. */
export async function read(...paths: string[]): Promise<{ entries: TreeEntry[]; hashed: string[] }> {
  const index = new SourceIndex(rig.index, rig.root, testClock());
  const hashed: string[] = [];
  const known = {
    recall: index.recall.bind(index),
    remember: (...[entry, stats]: Parameters<SourceIndex['remember']>) => {
      hashed.push(entry.path);
      index.remember(entry, stats);
    },
  };
  const entries = await readEntries(
    rig.root,
    sortByPath(paths, (path) => path),
    { known },
  );
  if (!entries.ok) throw new Error(entries.failure.message);
  index.save();
  nextTick();
  return { entries: entries.value, hashed };
}

/** The same without an index. */
export async function truth(...paths: string[]): Promise<TreeEntry[]> {
  const entries = await readEntries(
    rig.root,
    sortByPath(paths, (path) => path),
  );
  if (!entries.ok) throw new Error(entries.failure.message);
  return entries.value;
}
