// A file tree as values: what a source tree and an artifact are made of, and the digest that names one.
import { createHash } from 'node:crypto';
import { encodePath, sortByPath } from './path-bytes.ts';

/** Paths are relative, separated by `/`, in any bytes (see path-bytes); no `.`, no `..`, no slash at either end. */
export type TreeEntry = FileEntry | LinkEntry | FolderEntry;

export interface FileEntry {
  readonly type: 'file';
  readonly path: string;
  readonly executable: boolean;
  /** `sha256:<hex>` of the content. */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export interface LinkEntry {
  readonly type: 'link';
  readonly path: string;
  /** As the link holds it, in any bytes. */
  readonly target: string;
}

/** An empty folder; one with entries below it is known by them. */
export interface FolderEntry {
  readonly type: 'folder';
  readonly path: string;
}

/** A copy in the order of the paths' bytes. */
export const sortTree = <Entry extends TreeEntry>(entries: Iterable<Entry>): Entry[] =>
  sortByPath(entries, ({ path }) => path);

/**
 * `sha256:<hex>`, the same for the same tree whatever its order, times and owners.
 * Hashed are the bytes `lockstep-tree-1`, NUL, then for each entry in the order of its path's bytes: one byte of type
 * (`f` a file, `x` an executable one, `l` a symbolic link, `d` an empty folder), the path, NUL, what it holds (a file's
 * `sha256:<hex>`, a link's target, nothing for a folder), NUL. Neither a path nor a target can hold a NUL.
 */
export function treeDigest(entries: Iterable<TreeEntry>): string {
  if (!Object.isFrozen(entries)) return digestEntries(entries);
  const digest = digests.get(entries) ?? digestEntries(entries);
  digests.set(entries, digest);
  return digest;
}

/** Of frozen lists, which stay what they are. */
const digests = new WeakMap<Iterable<TreeEntry>, string>();

function digestEntries(entries: Iterable<TreeEntry>): string {
  const hash = createHash('sha256');
  let text = 'lockstep-tree-1\0';
  for (const entry of sortTree(entries)) {
    text += `${typeLetter(entry)}${entry.path}\0${held(entry)}\0`;
    if (text.length < 65_536) continue;
    hash.update(encodePath(text));
    text = '';
  }
  return `sha256:${hash.update(encodePath(text)).digest('hex')}`;
}

const typeLetter = (entry: TreeEntry): string => {
  switch (entry.type) {
    case 'file':
      return entry.executable ? 'x' : 'f';
    case 'link':
      return 'l';
    case 'folder':
      return 'd';
  }
};

const held = (entry: TreeEntry): string => {
  switch (entry.type) {
    case 'file':
      return entry.digest;
    case 'link':
      return entry.target;
    case 'folder':
      return '';
  }
};
