// The source folder → the manifest of a run: what git tracks or does not ignore, without what .lockstepignore names.
import { createHash, hash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../src/contract/provider.ts';
import { fail, ok, type Failure, type Outcome } from '../src/model/failure.ts';
import { compileGlobs, namesWithoutWildcard } from '../src/model/glob.ts';
import { sortByPath } from '../src/model/path-bytes.ts';
import { treeDigest, type TreeEntry } from '../src/model/tree.ts';
import { readEntries, unreadable } from './disk-tree.ts';
import { listGitFiles, parseGitFiles, withoutGit, type GitFiles } from './git-files.ts';
import { countFiles, findChanged } from './git-look.ts';
import { isOdd, withGitModes } from './git-modes.ts';
import { ignoredBy, listUnignored, readRules, type Rules } from './ignore-files.ts';
import type { Whole } from './index-table.ts';
import { findGround, isSameGround, readSettings } from './listing-ground.ts';
import { IGNORE_FILE, SourceIndex, type Clock, type Looks } from './source-index.ts';

export interface SourceTree {
  readonly root: string;
  /** In the order of their paths' bytes; without the pipeline file, the lock file and the state folder. */
  readonly entries: readonly TreeEntry[];
  /** The pipeline file and the lock file, those that are there: seen only by who names them without a wildcard. */
  readonly named: readonly TreeEntry[];
  /** `sha256:<hex>` of `entries`. */
  readonly digest: string;
}

export interface SourceRequest {
  /** From `findRoot`. */
  readonly root: string;
  /** Relative to `root`. */
  readonly pipelineFile: string;
  /** Of this process: git gets it without what would point it elsewhere. */
  readonly environment: Environment;
  readonly signal?: AbortSignal;
  /** The file of this root's source index, in the cache folder; without it every file is read. */
  readonly index?: string;
  /** By which files lie still; the system's unless given. */
  readonly clock?: Clock;
  /** From how many files on git is asked what changed; below, its processes take longer than they save. */
  readonly large?: number;
}

const STATE_FOLDER = '.lockstep';
const LOCK_FILE = 'lockstep.lock';
const LARGE = 8_000;

/**
 * Reads every source file once, or, with an `index`, those that changed. Files deleted meanwhile are left out; special files are none.
 * Failures (`environment`): `git-failed`, `source-unreadable`, `interrupted`; (`usage`): `state-folder-unsafe`.
 */
export async function readSourceTree(request: SourceRequest): Promise<Outcome<SourceTree>> {
  const { root, environment, signal, clock, large = LARGE } = request;
  const hasGit = isThere(join(root, '.git'));
  const asked = askGit(request, hasGit);
  // While git is at work, which is a process of its own.
  const index = request.index === undefined ? undefined : new SourceIndex(request.index, root, clock);
  const settings = await asked.settings;
  const ground = index?.whole?.ground;
  const sameGround = Boolean(ground && isSameGround(root, ground, settings));
  const listing = hasGit && !sameGround ? list(request) : null;
  let listed = await lookingAhead(listing, { changed: asked.changed, sameGround }, index, signal);
  if (listed?.ok === false) return listed;

  // That git tracks nothing in the state folder is part of the listing.
  if (hasGit && index?.whole && unsafeStateFolder(root, []) === null) {
    const again = await readAgain(request, index, listed?.value.digest ?? index.whole.listing);
    if (again?.ok === false) return again;
    if (again) {
      const whole = { ...index.whole, digest: again.value.digest };
      await keepTree(request, index, { settings, sameGround, whole });
      return again;
    }
  }
  if (hasGit) listed ??= await list(request);
  if (listed?.ok === false) return listed;
  const git = listed?.value;

  const files = await (git
    ? parseGitFiles(root, git.output, environment, signal)
    : listPlainFiles(root, signal));
  if (!files.ok) return files;
  const { tracked, untracked, repositories } = files.value;
  const unsafe = unsafeStateFolder(root, tracked);
  if (unsafe !== null) return { ok: false, failure: unsafe };

  let paths = sortByPath(
    [...tracked, ...untracked].filter((path) => !isState(path)),
    (path) => path,
  );
  const rules: Rules = new Map();
  try {
    const ignores = ignoredBy(root, IGNORE_FILE, rules);
    paths = paths.filter((path) => !ignores(path, false));
  } catch (error) {
    return unreadable(root, IGNORE_FILE, error);
  }
  const read = await readEntries(root, paths, { known: index, signal });
  if (!read.ok) return read;
  const all = await withGitModes(root, read.value, files.value, environment, signal);
  if (!all.ok) return all;
  const tree = asTree(request, all.value);
  // What other repositories and git's settings say is not in the listing.
  const isWhole = git && repositories.size === 1 && !read.value.some((entry) => isOdd(entry, files.value));
  // One that is gone is to be looked for anew.
  if (index && isWhole && read.value.length === paths.length) {
    const folders = [...rules.keys()];
    const ruled = folders.filter((folder) => rules.get(folder) !== null);
    const links = read.value.filter((entry) => entry.type === 'link');
    const origin = { listing: git.digest, rules: digestOf(rules), folders, ruled };
    const whole = { ...origin, links, digest: tree.digest };
    await keepTree(request, index, { settings: paths.length < large ? null : settings, sameGround, whole });
  } else index?.save();
  return ok(tree);
}

/** The tree of last time with what changed, if it has the same files; null: it is to be read anew. */
async function readAgain(
  request: SourceRequest,
  index: SourceIndex,
  listing: string,
): Promise<Outcome<SourceTree> | null> {
  const { root, signal } = request;
  const rulesIn = (folders: readonly string[]): string => digestOf(readRules(root, folders, IGNORE_FILE));
  const changed = index.recallTree(listing, rulesIn);
  if (changed === null) return null;
  const read = await readEntries(root, changed, { known: index, signal });
  if (!read.ok) return read;
  const entries = index.renewTree(read.value);
  const digest = changed.length === 0 ? index.whole?.digest : undefined;
  return entries && ok(asTree(request, entries, digest));
}

interface Kept {
  readonly settings: string | null;
  /** As last time. */
  readonly sameGround: boolean;
  readonly whole: Omit<Whole, 'ground'>;
}

/** For next time, with what the listing follows from if that can be told: found anew where it is not as it was. */
async function keepTree(
  request: SourceRequest,
  index: SourceIndex,
  { settings, sameGround, whole }: Kept,
): Promise<void> {
  const ground = index.whole?.listing === whole.listing ? index.whole.ground : null;
  const isDue = settings !== null && !(sameGround && ground !== null);
  const found = isDue
    ? await findGround(request, settings, whole.folders, index.isSettled).catch(() => null)
    : null;
  index.save({ ...whole, ground: found ?? ground });
}

interface Asked {
  readonly settings: Promise<string | null> | null;
  readonly changed: Promise<ReadonlySet<string> | null> | null;
}

/** Processes at work, where they are worth it, as it seems. */
function askGit(request: SourceRequest, hasGit: boolean): Asked {
  const { root, index, environment, signal, large = LARGE } = request;
  const known = index === undefined ? 0 : countFiles(index);
  if (!hasGit || index === undefined || (known > 0 && known < large))
    return { settings: null, changed: null };
  const changed = known === 0 ? null : findChanged(root, index, environment, signal);
  return { changed, settings: readSettings(request) };
}

interface Listing {
  /** For `parseGitFiles`. */
  readonly output: Buffer;
  /** Of all that decides which paths are taken, but for ignore files and other repositories. */
  readonly digest: string;
}

async function list({ root, pipelineFile, environment, signal }: SourceRequest): Promise<Outcome<Listing>> {
  const listed = await listGitFiles(root, environment, signal);
  if (!listed.ok) return listed;
  const output = listed.value;
  return ok({
    output,
    digest: createHash('sha256').update(`${pipelineFile}\0`).update(output).digest('hex'),
  });
}

/** Meanwhile the files of last time are looked at, and then the rest of them if the tree may be the same. */
async function lookingAhead(
  listing: Promise<Outcome<Listing>> | null,
  looks: Looks,
  index?: SourceIndex,
  signal?: AbortSignal,
): Promise<Outcome<Listing> | null> {
  let isEnough = false;
  const judged = listing?.then((listed) => {
    isEnough = !listed.ok || index?.whole?.listing !== listed.value.digest;
    return listed;
  });
  await index?.lookAhead(() => isEnough || signal?.aborted === true, looks);
  return (await judged) ?? null;
}

const digestOf = (rules: Rules): string =>
  hash('sha256', JSON.stringify([...rules].filter(([, text]) => text !== null)), 'hex');

function asTree(
  { root, pipelineFile }: SourceRequest,
  all: readonly TreeEntry[],
  digest?: string,
): SourceTree {
  const isNamed = ({ path }: TreeEntry): boolean => path === pipelineFile || path === LOCK_FILE;
  const entries = all.filter((entry) => !isNamed(entry));
  return { root, entries, named: all.filter(isNamed), digest: digest ?? treeDigest(entries) };
}

/** What a job or step with these `inputs` sees of the source. */
export function visibleEntries({ entries, named }: SourceTree, inputs: readonly string[]): TreeEntry[] {
  const takes = compileGlobs(inputs);
  return [
    ...entries.filter(({ path }) => takes(path)),
    ...named.filter(({ path }) => namesWithoutWildcard(inputs, path)),
  ];
}

async function listPlainFiles(root: string, signal?: AbortSignal): Promise<Outcome<GitFiles>> {
  const files = await listUnignored(root, signal);
  return files.ok ? ok(withoutGit(files.value)) : files;
}

const isState = (path: string): boolean => path === STATE_FOLDER || path.startsWith(`${STATE_FOLDER}/`);

const isThere = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false }) !== undefined;

/** Writing through a link, or into what is committed, would reach the user's own files. */
function unsafeStateFolder(root: string, tracked: readonly string[]): Failure | null {
  const folder = join(root, STATE_FOLDER);
  const why =
    (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() ?? true)
      ? tracked.some(isState) && 'is tracked by git'
      : 'is no folder';
  const hint = `remove it (\`git rm -r --cached ${STATE_FOLDER}\` where git tracks it): runs are kept there`;
  return why === false ? null : fail('usage', 'state-folder-unsafe', `${folder} ${why}`, { hint }).failure;
}
