// Entries of an archive, one by one → files in a folder of our own, never written through a link.
import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { diskPath, encodePath } from '../src/model/path-bytes.ts';
import type { FileEntry, FolderEntry, LinkEntry, TreeEntry } from '../src/model/tree.ts';
import { parentOf } from './disk-tree.ts';
import type { TarEntry } from './tar-reader.ts';

/**
 * Starts with an empty folder and remembers what it put there, so that the disk is never asked and a name that the file
 * system takes for another one (`EEXIST`) is noticed. Paths have no `.` and `..`. Throws only errors of the file system.
 */
export class TreeFolder {
  readonly #folder: string;
  readonly #contents = new Map<string, FileEntry | LinkEntry>();
  /** Whether there is something in it. */
  readonly #folders = new Map<string, boolean>([['', true]]);

  constructor(folder: string) {
    this.#folder = folder;
  }

  entries(): TreeEntry[] {
    const empty = [...this.#folders].filter(([, isFilled]) => !isFilled);
    return [...this.#contents.values(), ...empty.map(([path]): FolderEntry => ({ type: 'folder', path }))];
  }

  /** A file or a link. */
  has(path: string): boolean {
    return this.#contents.has(path);
  }

  /** A file or link that is there already is replaced. The text is why the entry cannot be taken. */
  async place(path: string, item: TarEntry): Promise<string | null> {
    switch (item.type) {
      case 'folder':
        return this.#makeFolder(path);
      case 'link':
        return this.#clear(path) ?? this.#link(path, item.target);
      case 'file':
        return this.#clear(path) ?? (await this.#write(path, item));
      case 'hard-link':
      case 'other':
        return `'${path}' is neither a file nor a folder nor a link`;
    }
  }

  /** What is at `from` (see `has`) at another path too. */
  copy(path: string, from: string): string | null {
    const original = this.#contents.get(from);
    if (original === undefined || path === from) return null;
    const problem = this.#clear(path);
    if (problem !== null) return problem;
    if (original.type === 'link') return this.#link(path, original.target);
    copyFileSync(this.#at(from), this.#at(path), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    this.#contents.set(path, { ...original, path });
    return null;
  }

  #link(path: string, target: string): string | null {
    if (target === '') return `the link '${path}' has no target`;
    symlinkSync(encodePath(target), this.#at(path));
    this.#contents.set(path, { type: 'link', path, target });
    return null;
  }

  async #write(path: string, { executable, content }: TarEntry): Promise<null> {
    const file = openSync(this.#at(path), 'wx', executable ? 0o777 : 0o666);
    try {
      const hash = createHash('sha256');
      let size = 0;
      for await (const chunk of content) {
        hash.update(chunk);
        size += chunk.length;
        for (let at = 0; at < chunk.length;) at += writeSync(file, chunk, at);
      }
      this.#contents.set(path, {
        type: 'file',
        path,
        executable,
        digest: `sha256:${hash.digest('hex')}`,
        size,
      });
      return null;
    } finally {
      closeSync(file);
    }
  }

  /** Makes the place free for a file or link, and the folders above it. */
  #clear(path: string): string | null {
    if (this.#folders.has(path)) return `'${path}' is in the archive as a folder and as something else`;
    const problem = this.#makeFolder(parentOf(path));
    if (problem !== null) return problem;
    this.#folders.set(parentOf(path), true);
    if (this.#contents.delete(path)) unlinkSync(this.#at(path));
    return null;
  }

  #makeFolder(path: string): string | null {
    if (this.#folders.has(path)) return null;
    if (this.#contents.has(path)) return `'${path}' is in the archive as a folder and as something else`;
    const problem = this.#makeFolder(parentOf(path));
    if (problem !== null) return problem;
    mkdirSync(this.#at(path));
    this.#folders.set(path, false);
    this.#folders.set(parentOf(path), true);
    return null;
  }

  #at(path: string): string | Buffer {
    return diskPath(this.#folder, path);
  }
}
