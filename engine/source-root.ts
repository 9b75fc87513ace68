// A folder → the root of the source that it lies in.
import { lstatSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Git's top level, else the folder itself; links resolved. Git itself is asked only when the tree is read. */
export function findRoot(folder: string): string {
  const start = realpathSync(folder);
  for (let at = start; ; at = dirname(at)) {
    if (lstatSync(join(at, '.git'), { throwIfNoEntry: false })) return at;
    if (at === dirname(at)) return start;
  }
}
