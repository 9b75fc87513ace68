// A file in the cache folder ⇄ what each source file held when it last lay still, so that a run reads only what changed.
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { uptime } from 'node:os';
import { setImmediate } from 'node:timers/promises';
import { comparePaths, decodePath, diskPath } from '../src/model/path-bytes.ts';
import { sortTree, type FileEntry, type LinkEntry, type TreeEntry } from '../src/model/tree.ts';
import { isExecutable, joinPath, type KnownFiles } from './disk-tree.ts';
import { loadTable, saveTable, STAMP, type Header, type Row, type Table, type Whole } from './index-table.ts';
/** Milliseconds since the epoch. */
export interface Clock {
  readonly now: () => number;
  /** When the machine started, by the clock as it is set now. */
  readonly bootedAt: () => number;
}

export const IGNORE_FILE = '.lockstepignore';

const systemClock: Clock = { now: Date.now, bootedAt: () => Date.now() - uptime() * 1000 };

/**
 * A file whose times are not this much older than the look at it may still be written in the same tick of its file
 * system's clock, with nothing to show for it: it is read again next time. The coarsest tick is FAT's, 2 s; the rest is
 * for clocks that differ, as that of a network file system may.
 */
const SETTLED = 4_000;

/** Between two turns of the event loop, so that the pipe from git is emptied soon enough. */
const AT_A_TIME = 64;

/** What the look ahead has seen; 0 is anything else. */
const UNCHANGED = 1;
/** A folder, and no link to one, with something in it by the name of an ignore file. */
const RULED = 2;

/**
 * For one reading of one tree: `lookAhead` while its paths are still being listed, then `recallTree`; where that gives
 * nothing, `recall` and `remember` path by path in the order of their bytes, then `save`. Nothing throws. An index is empty that is not there, is damaged, belongs
 * to another root, or was written before the clock was set back (times would repeat); one that cannot be written is not.
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
  readonly #rows: (number | Row)[] = [];
  #isChanged = false;
  #whole: Whole | null = null;
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

  /** Whether it knows a tree that followed from this listing. */
  knowsListing(listing: string): boolean {
    return this.#old.whole?.listing === listing;
  }

  /** Looks at the files of last time until `isEnough` or the last of them; the event loop runs in between. */
  async lookAhead(isEnough: () => boolean): Promise<void> {
    for (let at = 0; at < this.#seen.length; at++) {
      if (at % AT_A_TIME === 0) await setImmediate();
      if (isEnough()) return;
      try {
        this.#seen[at] = this.#lookAt(at);
      } catch {
        // Whoever reads it says why.
      }
    }
  }

  /**
   * The tree of last time, if the look ahead has found all of its files unchanged and what it followed from is the same
   * now. `rulesIn` makes of the folders that have an ignore file the digest that `rememberTree` was given.
   */
  recallTree(
    listing: string,
    rulesIn: (folders: readonly string[]) => string,
  ): { entries: readonly TreeEntry[]; digest: string } | null {
    const { paths, whole } = this.#old;
    if (whole?.listing !== listing || this.#seen.includes(0)) return null;
    const ruled = whole.folders.filter((_, at) => this.#seen[paths.length + at] === RULED);
    try {
      if (rulesIn(ruled) !== whole.rules || !whole.links.every((link) => this.#isThere(link))) return null;
    } catch {
      return null;
    }
    const files = paths.map((_, at) => this.#entry(at));
    return { entries: sortTree([...files, ...whole.links]), digest: whole.digest };
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
    const touched = Math.max(stats.mtimeMs, stats.ctimeMs);
    const isSettled = touched < Math.min(this.#openedAt, this.#clock.now()) - SETTLED;
    // No ctime, no proof: there are file systems without.
    if (!isSettled || stats.ctimeMs <= 0 || size !== stats.size) return;
    this.#rows.push({ path, stamp: stampOf(stats), digest: digest.slice('sha256:'.length) });
    this.#isChanged = true;
  }

  /** That `paths` many paths gave this tree, the files as they were remembered. Before `save`. */
  rememberTree(paths: number, whole: Whole): void {
    // One that has just been touched, or is gone, is to be looked at anew.
    if (this.#rows.length + whole.links.length === paths) this.#whole = whole;
  }

  /** Only if something changed. */
  save(): void {
    const { paths, stamps, whole } = this.#old;
    const isSame = !this.#isChanged && this.#rows.length === paths.length;
    if (isSame && JSON.stringify(whole) === JSON.stringify(this.#whole)) return;
    const rows = this.#rows.map((row): Row => {
      if (typeof row !== 'number') return row;
      const stamp = stamps.subarray(row * STAMP, (row + 1) * STAMP);
      return { path: paths[row] ?? '', stamp, digest: this.#digest(row) };
    });
    saveTable(this.#file, this.#header, rows, this.#whole);
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

  #lookAt(at: number): number {
    const { paths, whole } = this.#old;
    const look = (path: string): Stats | undefined =>
      lstatSync(diskPath(this.#root, path), { throwIfNoEntry: false });
    if (at < paths.length) {
      const stats = look(paths[at] ?? '');
      return stats !== undefined && this.#isAt(at, stats) ? UNCHANGED : 0;
    }
    const folder = whole?.folders[at - paths.length] ?? '';
    if (look(folder)?.isDirectory() !== true) return 0;
    return look(joinPath(folder, IGNORE_FILE)) === undefined ? UNCHANGED : RULED;
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
const stampOf = ({ size, mtimeMs, ctimeMs, ino, dev, mode }: Stats): number[] => [
  size,
  mtimeMs,
  ctimeMs,
  ino,
  dev,
  mode,
];
const MODE = 5;

function identityOf(root: string): { device: number; inode: number } {
  const stats = lstatSync(root, { throwIfNoEntry: false });
  return { device: stats?.dev ?? 0, inode: stats?.ino ?? 0 };
}

const isOfSame = (saved: Header, { device, inode, bootedAt }: Header): boolean =>
  saved.device === device && saved.inode === inode && bootedAt >= saved.bootedAt - SETTLED;
