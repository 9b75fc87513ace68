// The ignore files of a folder tree (.gitignore, .lockstepignore) → which paths they take away.
import { readFileSync } from 'node:fs';
import ignore, { type Ignore } from 'ignore';
import { decodePath, diskPath } from '../src/model/path-bytes.ts';
import type { Outcome } from '../src/model/failure.ts';
import { errorCode, joinPath, listFolder, OPEN_FLAGS, parentOf } from './disk-tree.ts';

/** The files and links below `root` that no .gitignore names, never a `.git`. Failures as `listFolder`. */
export async function listUnignored(root: string, signal?: AbortSignal): Promise<Outcome<readonly string[]>> {
  const ignores = ignoredBy(root, '.gitignore');
  const leaves = (path: string, isFolder: boolean): boolean =>
    /(^|\/)\.git$/.test(path) || ignores(path, isFolder);
  const listing = await listFolder(root, '', leaves, signal);
  return listing.ok ? { ok: true, value: listing.value.paths } : listing;
}

/**
 * A predicate over paths below `root` that reads the files called `name` on its way, each once; as git does, it follows
 * no link to one. Throws the system's error when one cannot be read.
 */
export function ignoredBy(root: string, name: string): (path: string, isFolder: boolean) => boolean {
  const known = new Map<string, Ignore | null>();
  const rulesIn = (folder: string): Ignore | null => {
    let rules = known.get(folder);
    if (rules === undefined) {
      const above = folder === '' ? null : rulesIn(parentOf(folder));
      const text = readIfThere(diskPath(root, joinPath(folder, name)));
      rules = text === null ? above : extend(above, folder, text);
      known.set(folder, rules);
    }
    return rules;
  };
  return (path, isFolder) => rulesIn(parentOf(path))?.ignores(isFolder ? `${path}/` : path) ?? false;
}

/** One list for all levels, rules of deeper files last, so that the last match decides as it does in git. */
function extend(above: Ignore | null, folder: string, text: string): Ignore {
  const rules = ignore({ ignoreCase: false });
  if (above !== null) rules.add(above);
  return rules.add(text.split(/\r?\n/).flatMap((line) => rebase(folder, line)));
}

/** A rule of the file in `folder`, as it would stand in the file at the top. */
function rebase(folder: string, line: string): string[] {
  const [, sign = '', slash = '', rest = ''] = /^(!?)(\/?)(.*)$/s.exec(line) ?? [];
  if (folder === '' || rest.trim() === '' || line.startsWith('#')) return folder === '' ? [line] : [];
  const isAnchored = slash === '/' || rest.trimEnd().slice(0, -1).includes('/');
  const top = folder.replaceAll(/[\\*?[\]]/g, '\\$&');
  // At the start of a rule a backslash escapes `!` and `#`; further on they need none.
  return [`${sign}/${top}/${isAnchored ? '' : '**/'}${rest.replace(/^\\([!#])/, '$1')}`];
}

function readIfThere(file: string | Buffer): string | null {
  try {
    return decodePath(readFileSync(file, { flag: OPEN_FLAGS }));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR'].includes(errorCode(error))) return null;
    throw error;
  }
}
