// A work tree → what git's listing of it follows from: while that is the same, so is the listing.
import { hash } from 'node:crypto';
import { lstatSync, readdirSync, statfsSync, statSync, type Dirent, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Environment } from '../src/contract/provider.ts';
import { decodePath, diskPath, encodePath } from '../src/model/path-bytes.ts';
import { joinPath } from './disk-tree.ts';
import { runGit } from './git-files.ts';

/** The names in the folders that git looks into, and what decides which of them it takes: its index, ignore files, settings. */
export interface Ground {
  readonly settings: string;
  readonly folders: readonly FolderLook[];
  readonly files: readonly FileLook[];
}

interface FolderLook {
  readonly path: string;
  /** It moves when a name comes or goes. */
  readonly stamp: string;
  /** Digest of the names, for when it moved. */
  readonly names: string;
}

interface FileLook {
  /** Absolute. */
  readonly path: string;
  /** '': it is not there. */
  readonly stamp: string;
}

interface GroundRequest {
  readonly root: string;
  readonly pipelineFile: string;
  readonly environment: Environment;
  readonly signal?: AbortSignal;
}

/** What decides and is in no file that is looked at: git's settings, and what else was asked for. Null where git fails. */
export async function readSettings(request: GroundRequest): Promise<string | null> {
  const { root, pipelineFile, environment, signal } = request;
  const said = await runGit(root, ['config', '--list', '-z'], environment, signal);
  const { HOME, XDG_CONFIG_HOME } = environment;
  if (!said.ok) return null;
  const all = [pipelineFile, HOME, XDG_CONFIG_HOME, said.value.stdout.toString('latin1')];
  return hash('sha256', JSON.stringify(all), 'hex');
}

export function isSameGround(root: string, ground: Ground, settings: string | null): boolean {
  const isSameFolder = ({ path, stamp, names }: FolderLook): boolean =>
    stampOf(lookAtFolder(root, path)) === stamp || digestNames(readNames(root, path)) === names;
  const isSameFile = ({ path, stamp }: FileLook): boolean => stampOf(lookAtFile(path)) === stamp;
  try {
    return (
      ground.settings === settings && ground.folders.every(isSameFolder) && ground.files.every(isSameFile)
    );
  } catch {
    return false;
  }
}

/**
 * What the listing that was just made follows from; `settings` were read before it, and in `listed` are all folders in which
 * something is listed. Null where that cannot be told, or has changed too lately. Throws the system's errors.
 */
export async function findGround(
  request: GroundRequest,
  settings: string,
  listed: readonly string[],
  isSettled: (stats: Stats) => boolean,
): Promise<Ground | null> {
  const { root } = request;
  const { dev } = lstatSync(root);
  const isSure = (stats: Stats): boolean => stats.isDirectory() && stats.dev === dev && isSettled(stats);
  const isStill = (file: string, stats: Stats | undefined): boolean => isSettled(stats ?? nearestAbove(file));
  if (!tellsByFolder.has(statfsSync(root).type)) return null;
  const files = await findOuterFiles(request);
  // The most likely reasons why there will be none.
  if (!files?.every((path) => isStill(path, lookAtFile(path)))) return null;
  if (!listed.every((path) => isSure(lookAtFolder(root, path)))) return null;
  const unlisted = await findUnlisted(request);
  if (unlisted === null) return null;
  const isListed = new Set(listed);
  const folders: FolderLook[] = [];
  const open = [{ path: '', isUnlisted: false }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { path } = at;
    const names = readNames(root, path);
    for (const entry of names) {
      const inside = joinPath(path, decodePath(entry.name));
      const isUnlisted = at.isUnlisted || unlisted.has(inside);
      if (entry.isDirectory() && (isUnlisted || isListed.has(inside)))
        open.push({ path: inside, isUnlisted });
      if (isNamed(entry, '.gitignore')) files.push(join(root, inside));
      // A repository in the making.
      if (isNamed(entry, '.git')) return null;
    }
    // Now, so that these are the names since before the listing.
    const stats = lookAtFolder(root, path);
    if (!isSure(stats)) return null;
    folders.push({ path, stamp: stampOf(stats), names: digestNames(names) });
    if (folders.length % 64 === 0) await setImmediate();
  }
  const looks: FileLook[] = [];
  for (const path of files) {
    const stats = lookAtFile(path);
    if (!isStill(path, stats)) return null;
    looks.push({ path, stamp: stampOf(stats) });
  }
  return (await readSettings(request)) === settings ? { settings, folders, files: looks } : null;
}

/**
 * File systems that give a folder another time whenever a name in it comes or goes: not all do that are made by programs
 * or lie on other machines. https://man7.org/linux/man-pages/man2/statfs.2.html: bcachefs, btrfs, ext2 to ext4, F2FS,
 * overlay, tmpfs, XFS; and ZFS.
 */
const tellsByFolder = new Set([
  0xca451a4e, 0x9123683e, 0xef53, 0xf2f52010, 0x794c7630, 0x01021994, 0x58465342, 0x2fc12fc1,
]);

const stampOf = (stats?: Stats): string =>
  stats === undefined ? '' : [stats.mtimeMs, stats.ctimeMs, stats.ino, stats.dev, stats.size].join(' ');

const isNamed = ({ name }: Dirent<Buffer>, wanted: string): boolean => name.equals(Buffer.from(wanted));

/** What lies in a folder, but at the top for what is git's or ours and never listed. */
const readNames = (root: string, folder: string): Dirent<Buffer>[] =>
  readdirSync(diskPath(root, folder), { withFileTypes: true, encoding: 'buffer' }).filter(
    (entry) => folder !== '' || !(isNamed(entry, '.git') || isNamed(entry, '.lockstep')),
  );

function digestNames(names: readonly Dirent<Buffer>[]): string {
  const letterOf = (entry: Dirent<Buffer>): string =>
    entry.isDirectory() ? 'd' : entry.isFile() ? 'f' : entry.isSymbolicLink() ? 'l' : '';
  const all = names.map((entry) => `${entry.name.toString('latin1')}/${letterOf(entry)}`);
  return hash('sha256', all.sort().join('\0'), 'hex');
}

const lookAtFolder = (root: string, path: string): Stats => lstatSync(diskPath(root, path));

/** Through links, as git does with some. Throws where one leads nowhere. */
function lookAtFile(path: string): Stats | undefined {
  const onDisk = encodePath(path);
  const stats = statSync(onDisk, { throwIfNoEntry: false });
  if (stats === undefined && lstatSync(onDisk, { throwIfNoEntry: false }) !== undefined)
    throw new RangeError(`${path} leads nowhere`);
  return stats;
}

/** Of the folder that a file went from, if it did. */
function nearestAbove(file: string): Stats {
  const folder = dirname(file);
  return statSync(encodePath(folder), { throwIfNoEntry: false }) ?? nearestAbove(folder);
}

/** Git's index, and the ignore files outside of the source; null where git fails. */
async function findOuterFiles({ root, environment, signal }: GroundRequest): Promise<string[] | null> {
  const names = ['index', 'info/exclude', 'info/sparse-checkout'];
  const words = ['rev-parse', ...names.flatMap((name) => ['--git-path', name])];
  const inside = await runGit(root, words, environment, signal);
  const setting = ['config', '--type=path', '--default=', '--get', 'core.excludesFile'];
  const chosen = await runGit(root, setting, environment, signal);
  if (!inside.ok || !chosen.ok) return null;
  const lines = decodePath(inside.value.stdout).split('\n').slice(0, -1);
  // More lines: a line feed in a path.
  if (lines.length !== names.length) return null;
  const { HOME = '/', XDG_CONFIG_HOME = '' } = environment;
  const home = XDG_CONFIG_HOME === '' ? join(HOME, '.config') : XDG_CONFIG_HOME;
  const excludes = decodePath(chosen.value.stdout).slice(0, -1);
  const files = [...lines, excludes === '' ? join(home, 'git/ignore') : excludes];
  // It names the repository of a linked work tree; as a folder it moves with each command of git's.
  const isFolder = lstatSync(join(root, '.git')).isDirectory();
  return [...files, ...(isFolder ? [] : ['.git'])].map((path) => resolve(root, path));
}

/** Folders in which git tracks nothing, and does not ignore: all below them is taken for such. Null where it fails. */
async function findUnlisted({
  root,
  environment,
  signal,
}: GroundRequest): Promise<ReadonlySet<string> | null> {
  const words = ['ls-files', '-z', '--others', '--exclude-standard', '--directory'];
  const said = await runGit(root, words, environment, signal);
  if (!said.ok) return null;
  const paths = decodePath(said.value.stdout).split('\0');
  return new Set(paths.filter((path) => path.endsWith('/')).map((path) => path.slice(0, -1)));
}
