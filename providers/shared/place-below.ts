// A file of the source root → its path from a folder above, where the platform shows it.
import { realpathSync } from 'node:fs';
import { posix, relative } from 'node:path';

/** `top` as a variable names it, maybe `''`; `root`: the source root, absolute. `file` as it is where the root lies elsewhere. */
export function placeBelow(top: string, root: string, file: string): string {
  const folder = realFolder(top);
  const inside = folder === null ? '' : relative(folder, root);
  const isElsewhere = inside === '..' || inside.startsWith('../');
  return isElsewhere ? file : posix.join(inside, file);
}

/** Without links; null where it names none. */
export function realFolder(folder: string): string | null {
  try {
    return folder === '' ? null : realpathSync(folder);
  } catch {
    return null;
  }
}
