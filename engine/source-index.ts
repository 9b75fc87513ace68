// A file in the cache folder ⇄ what each source file held when it last lay still, so that a run reads only what changed.
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { uptime } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { comparePaths, decodePath, diskPath } from '../src/model/path-bytes.ts';
import { sortTree, type FileEntry, type LinkEntry, type TreeEntry } from '../src/model/tree.ts';
import { isExecutable, joinPath, type KnownFiles } from './disk-tree.ts';
import { STAMP } from './git-entries.ts';
import { loadTable, saveTable, type Header, type Row, type Table, type Whole } from './index-table.ts';
/** Milliseconds since the epoch. */
export interface Clock {
  readonly now: () => number;
  /** When the machine started, by the clock as it is set now. */
  readonly bootedAt: () => number;
}

export interface Looks {
  /** From `findChanged`. */
  readonly changed?: Promise<ReadonlySet<string> | null> | null;
  /** No folder has other names than last time. */
  readonly sameGround?: boolean;
}

export const IGNORE_FILE = '.lockstepignore';

const systemClock: Clock = { now: Date.now, bootedAt: () => Date.now() - uptime() * 1000 };

/**
 * A file whose times are not this much older than the look at it may still be written in the same tick of its file
 * system's clock, with nothing to show for it: it is read again next time. The coarsest tick is FAT's, 2 s; the rest is
 * for clocks that differ, as that of a network file system may.
 */
const SETTLED = 4_000;
/** What git tells apart, where its word is taken for it. */
const SECOND = 1_000;

/** Between two turns of the event loop, so that the pipe from git is emptied soon enough. */
const AT_A_TIME = 64;

/** What the look ahead has seen; 0 is anything else. */
const UNCHANGED = 1;
/** A folder, and no link to one, with something in it by the name of an ignore file. */
const RULED = 2;

/**
 * For one reading of one tree: `lookAhead` while its paths are still being listed, then `recallTree` and `renewTree`; where
 * that gives nothing, `recall` and `remember` path by path in the order of their bytes; then `save`. Nothing throws. An
 * index is empty that is not there, is damaged, belongs to another root, or was written before the clock was set back
 * (times would repeat); one that cannot be written is not.
 */
export class SourceIndex implements KnownFiles {
  readonly #file: string;
  readonly #root: string;
  readonly #clock: Clock;
  readonly #header: Header;
  readonly #openedAt: number;
  readonly #old: Table;
  /** By place: that of a file in `#old`, then that of a folder of the whole. */
  readonly #seen: Uint8Array;
  /** Places in `#old` that hold good, and what is new, in the order of their paths. */
  #rows: (number | Row)[] = [];
  #isChanged = false;
  #at = 0;

  constructor(file: string, root: string, clock: Clock = systemClock) {
    this.#file = file;
    this.#root = root;
    this.#clock = clock;
    this.#openedAt = clock.now();
    this.#header = { ...identityOf(root), bootedAt: clock.bootedAt() };
    this.#old = loadTable(file, (saved) => isOfSame(saved, this.#header));
    this.#seen = new Uint8Array(this.#old.paths.length + (this.#old.whole?.folders.length ?? 0));
  }

  /** The tree of last time. */
  get whole(): Whole | null {
    return this.#old.whole;
  }

  /** Whether what was touched then is sure to get another time if it is touched again. */
  readonly isSettled = ({ mtimeMs, ctimeMs }: Stats): boolean =>
    // No ctime, no proof: there are file systems without.
    ctimeMs > 0 &&
    Math.max(mtimeMs, ctimeMs) < Math.min(this.#openedAt, this.#clock.now()) - SETTLED - SECOND;

  /**
   * Looks at the files of last time until `isEnough` or the last of them; the event loop runs in between. Not at those that
   * git does not find `changed`, and at no folders on `sameGround`.
   */
  async lookAhead(isEnough: () => boolean, { changed, sameGround = false }: Looks = {}): Promise<void> {
    const { paths, whole } = this.#old;
    const ruled = new Set(whole?.ruled);
    const folders = [...(whole?.folders.entries() ?? [])];
    if (sameGround)
      for (const [at, folder] of folders)
        this.#seen[paths.length + at] = ruled.has(folder) ? RULED : UNCHANGED;
    else await this.#lookAt(folders, paths.length, isEnough);
    const suspects = await changed;
    const open: [number, string][] = [];
    for (const [at, path] of paths.entries()) {
      if (suspects?.has(path) === false) this.#seen[at] = UNCHANGED;
      else open.push([at, path]);
    }
    return this.#lookAt(open, 0, isEnough);
  }

  /**
   * The files of last time that are to be read again, if what the tree followed from is the same. `rulesIn` makes of the
   * folders that have an ignore file the digest that the tree was saved with.
   */
  recallTree(listing: string, rulesIn: (folders: readonly string[]) => string): readonly string[] | null {
    const { paths, whole } = this.#old;
    if (whole?.listing !== listing || this.#seen.includes(0, paths.length)) return null;
    const ruled = whole.folders.filter((_, at) => this.#seen[paths.length + at] === RULED);
    try {
      if (rulesIn(ruled) !== whole.rules || !whole.links.every((link) => this.#isThere(link))) return null;
    } catch {
      return null;
    }
    return paths.filter((_, at) => this.#seen[at] === 0);
  }

  /**
   * The tree of last time with the files that `recallTree` gave, as they were `read` and remembered; null where one is gone
   * or is something else, and nothing is remembered then.
   */
  renewTree(read: readonly TreeEntry[]): readonly TreeEntry[] | null {
    const { paths, whole } = this.#old;
    const rows = this.#rows;
    const entries: TreeEntry[] = paths.map((_, at) => this.#entry(at));
    const stale = [...paths.keys()].filter((at) => this.#seen[at] === 0);
    this.#rows = [...paths.keys()];
    for (const [place, at] of stale.entries()) {
      const [old, now, row] = [this.#entry(at), read[place], rows[place]];
      if (
        now?.type !== 'file' ||
        now.path !== old.path ||
        now.executable !== old.executable ||
        row === undefined
      ) {
        this.#rows = [];
        this.#at = 0;
        return null;
      }
      entries[at] = now;
      this.#rows[at] = row;
    }
    return sortTree([...entries, ...(whole?.links ?? [])]);
  }

  /** What the file was last time, if by its `stats` it is unchanged; without them, if the look ahead saw that it is. */
  recall(path: string, stats?: Stats): FileEntry | null {
    const { paths } = this.#old;
    while (this.#at < paths.length && comparePaths(paths[this.#at] ?? '', path) < 0) this.#at++;
    const at = this.#at;
    if (paths[at] !== path) return null;
    if (stats === undefined ? this.#seen[at] !== UNCHANGED : !this.#isAt(at, stats)) return null;
    this.#rows.push(at);
    return this.#entry(at);
  }

  /** A file that was read after `stats` were taken. */
  remember({ path, size, digest }: FileEntry, stats: Stats): void {
    const isSure = this.isSettled(stats) && size === stats.size;
    const stamp = isSure ? stampOf(stats) : stampOf(stats).map((part, at) => (at === MODE ? part : NaN));
    this.#rows.push({ path, stamp, digest: digest.slice('sha256:'.length) });
    this.#isChanged ||= isSure;
  }

  /** Only if something changed: the files as they were remembered, and the tree that they are, if they are all of one. */
  save(tree: Whole | null = null): void {
    const { paths, stamps, whole } = this.#old;
    const isSame = !this.#isChanged && this.#rows.length === paths.length;
    // A tree that is another one only by files which will be read again in any case.
    const known = tree && { ...tree, digest: whole?.digest ?? tree.digest };
    if (isSame && JSON.stringify(whole) === JSON.stringify(known)) return;
    const rows = this.#rows.map((row): Row => {
      if (typeof row !== 'number') return row;
      const stamp = stamps.subarray(row * STAMP, (row + 1) * STAMP);
      return { path: paths[row] ?? '', stamp, digest: this.#digest(row) };
    });
    saveTable(this.#file, this.#header, rows, tree);
  }

  #entry(row: number): FileEntry {
    const { paths, stamps } = this.#old;
    const executable = isExecutable(stamps[row * STAMP + MODE] ?? 0);
    const digest = `sha256:${this.#digest(row)}`;
    return { type: 'file', path: paths[row] ?? '', executable, digest, size: stamps[row * STAMP] ?? 0 };
  }

  #digest(row: number): string {
    return this.#old.digests.slice(row * 64, row * 64 + 64);
  }

  /** Files from place 0 on, folders behind them. */
  async #lookAt(
    some: Iterable<readonly [number, string]>,
    from: number,
    isEnough: () => boolean,
  ): Promise<void> {
    let looks = 0;
    for (const [at, path] of some) {
      if (looks++ % AT_A_TIME === 0) await setImmediate();
      if (isEnough()) return;
      try {
        this.#seen[from + at] = from === 0 ? this.#lookAtFile(at, path) : this.#lookAtFolder(path);
      } catch {
        // Whoever reads it says why.
        this.#seen[from + at] = 0;
      }
    }
  }

  #lookAtFile(at: number, path: string): number {
    const stats = this.#stats(path);
    return stats !== undefined && this.#isAt(at, stats) ? UNCHANGED : 0;
  }

  #lookAtFolder(folder: string): number {
    const stats = this.#stats(folder);
    // Git tells files of other devices apart by all but that.
    if (stats?.isDirectory() !== true || stats.dev !== this.#header.device) return 0;
    return this.#stats(joinPath(folder, IGNORE_FILE)) === undefined ? UNCHANGED : RULED;
  }

  #stats(path: string): Stats | undefined {
    return lstatSync(diskPath(this.#root, path), { throwIfNoEntry: false });
  }

  #isAt(at: number, stats: Stats): boolean {
    const { stamps } = this.#old;
    const start = at * STAMP;
    return (
      stamps[start] === stats.size &&
      stamps[start + 1] === stats.mtimeMs &&
      stamps[start + 2] === stats.ctimeMs &&
      stamps[start + 3] === stats.ino &&
      stamps[start + 4] === stats.dev &&
      stamps[start + MODE] === stats.mode
    );
  }

  #isThere({ path, target }: LinkEntry): boolean {
    return decodePath(readlinkSync(diskPath(this.#root, path), 'buffer')) === target;
  }
}

/**
 * Floats do: they hold times to a quarter of a microsecond, and writing to a settled file moves its ctime by seconds.
 * The device, since other file systems may be mounted below the root.
 */
const stampOf = ({ size, mtimeMs, ctimeMs, ino, dev, mode, uid, gid }: Stats): number[] => [
  size,
  mtimeMs,
  ctimeMs,
  ino,
  dev,
  mode,
  uid,
  gid,
];
const MODE = 5;

function identityOf(root: string): { device: number; inode: number } {
  const stats = lstatSync(root, { throwIfNoEntry: false });
  return { device: stats?.dev ?? 0, inode: stats?.ino ?? 0 };
}

const isOfSame = (saved: Header, { device, inode, bootedAt }: Header): boolean =>
  saved.device === device && saved.inode === inode && bootedAt >= saved.bootedAt - SETTLED;
