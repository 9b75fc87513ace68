// Files that are to lie in a second place → hard links to them, copies where there can be none.
import { constants, type PathLike } from 'node:fs';
import { copyFile, link, mkdir, readdir, readlink, symlink } from 'node:fs/promises';
import { decodePath, diskPath, encodePath } from '../../src/model/path-bytes.ts';
import type { TreeEntry } from '../../src/model/tree.ts';

/** Mode and bytes are those of `from`, whichever it is. Rejects with the error of the system. */
export async function linkFile(from: PathLike, to: PathLike): Promise<void> {
  // Another file system, or one without hard links: that the file is gone or the disk full a copy finds out as well.
  await link(from, to).catch(() => copyFile(from, to, constants.COPYFILE_EXCL));
}

/** Of files, links and empty folders. */
type PlainEntry = Pick<TreeEntry, 'type' | 'path'> & { readonly target?: string };

/** The entries below `from`, below the folder `to`, which is there. Rejects as `linkFile`. */
export async function linkEntries(
  from: string,
  entries: AsyncIterable<PlainEntry> | Iterable<PlainEntry>,
  to: string,
): Promise<void> {
  let made = '';
  for await (const { type, path, target = '' } of entries) {
    const parent = type === 'folder' ? path : path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (parent !== made) await mkdir(diskPath(to, parent), { recursive: true });
    made = parent;
    if (type === 'file') await linkFile(diskPath(from, path), diskPath(to, path));
    if (type === 'link') await symlink(encodePath(target), diskPath(to, path));
  }
}

/** What lies below a folder; nothing but files, links and folders, the latter before what is in them. */
export async function* entriesBelow(folder: string, below = ''): AsyncGenerator<PlainEntry> {
  const found = await readdir(diskPath(folder, below), { withFileTypes: true, encoding: 'buffer' });
  for (const entry of found) {
    const name = decodePath(entry.name);
    const path = below === '' ? name : `${below}/${name}`;
    if (entry.isFile()) yield { type: 'file', path };
    else if (entry.isSymbolicLink())
      yield { type: 'link', path, target: decodePath(await readlink(diskPath(folder, path), 'buffer')) };
    else if (entry.isDirectory()) {
      yield { type: 'folder', path };
      yield* entriesBelow(folder, path);
    }
  }
}
