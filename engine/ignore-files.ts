// The ignore files of a folder tree (.gitignore, .lockstepignore) → which paths they take away.
import { lstatSync, readFileSync } from 'node:fs';
import ignore, { type Ignore } from 'ignore';
import { diskPath, encodePath } from '../src/model/path-bytes.ts';
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

/** By folder that was looked into: the text of its ignore file, a character a byte; null where there is none. */
export type Rules = Map<string, string | null>;

/** The files called `name` in these folders. Throws as `ignoredBy`. */
export const readRules = (root: string, folders: readonly string[], name: string): Rules =>
  new Map(folders.map((folder) => [folder, readIfThere(diskPath(root, joinPath(folder, name)))]));

/**
 * A predicate over paths below `root` that reads the files called `name` on its way, each once, into `found`; as git does,
 * it follows no link to one. Throws the system's error when one cannot be read.
 */
export function ignoredBy(
  root: string,
  name: string,
  found: Rules = new Map(),
): (path: string, isFolder: boolean) => boolean {
  const known = new Map<string, Ignore | null>();
  const rulesIn = (folder: string): Ignore | null => {
    let rules = known.get(folder);
    if (rules === undefined) {
      const above = folder === '' ? null : rulesIn(parentOf(folder));
      const text = readIfThere(diskPath(root, joinPath(folder, name)));
      found.set(folder, text);
      rules = text === null ? above : extend(above, folder, text);
      known.set(folder, rules);
    }
    return rules;
  };
  return (path, isFolder) => rulesIn(parentOf(path))?.ignores(toBytes(isFolder ? `${path}/` : path)) ?? false;
}

/** One character a byte, in paths as in rules: a `?` of git's takes one byte. */
const toBytes = (path: string): string => (ASCII.test(path) ? path : encodePath(path).toString('latin1'));

const ASCII = /^[\0-\x7f]*$/;

/** One list for all levels, rules of deeper files last, so that the last match decides as it does in git. */
function extend(above: Ignore | null, folder: string, text: string): Ignore {
  const rules = ignore({ ignoreCase: false });
  if (above !== null) rules.add(above);
  const lines = `${text.replace(BYTE_ORDER_MARK, '')}\n`.split(/\r?\n/);
  return rules.add(lines.flatMap(asGitReads).flatMap((line) => rebase(toBytes(folder), line)));
}

const BYTE_ORDER_MARK = /^\xef\xbb\xbf/;

/** A line → rules that the library takes as git takes the line. */
function asGitReads(line: string): string[] {
  // Git drops spaces at the end, the library all white space, of which some are bytes of letters.
  const rule = line
    .replace(/^((?:\\.|[^\\])*?) +$/s, '$1')
    .replace(/(?<!\\|\[[!^]?\]?[^\]]*)[^\S ]$/, '[$&]');
  // Git compares what stands before the first wildcard by itself, so that a `**` after it begins the pattern.
  const [, start = '', rest = ''] = /^(!?[^*?[\\]*[^*?[\\/])\*\*+\/(.+)$/s.exec(rule) ?? [];
  return rest === '' || line.startsWith('#') ? [rule] : [`${start}${rest}`, `${start}*/**/${rest}`];
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
  // Most folders have none, and an exception takes ten times as long as a look.
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return null;
  try {
    return readFileSync(file, { flag: OPEN_FLAGS, encoding: 'latin1' });
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR'].includes(errorCode(error))) return null;
    throw error;
  }
}
