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
import { isOdd, withGitModes } from './git-modes.ts';
import { ignoredBy, listUnignored, readRules, type Rules } from './ignore-files.ts';
import { IGNORE_FILE, SourceIndex, type Clock } from './source-index.ts';

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
}

const STATE_FOLDER = '.lockstep';
const LOCK_FILE = 'lockstep.lock';

/**
 * Reads every source file once, or, with an `index`, those that changed. Files deleted meanwhile are left out; special files are none.
 * Failures (`environment`): `git-failed`, `source-unreadable`, `interrupted`; (`usage`): `state-folder-unsafe`.
 */
export async function readSourceTree(request: SourceRequest): Promise<Outcome<SourceTree>> {
  const { root, environment, signal, clock } = request;
  const listing = isThere(join(root, '.git')) ? list(request) : null;
  // While git is at work, which is a process of its own.
  const index = request.index === undefined ? undefined : new SourceIndex(request.index, root, clock);
  const listed = listing && (await lookingAhead(listing, index, signal));
  if (listed?.ok === false) return listed;
  const git = listed?.value;
  const rulesIn = (folders: readonly string[]): string => digestOf(readRules(root, folders, IGNORE_FILE));
  const known = git && index?.recallTree(git.digest, rulesIn);
  // That git tracks nothing in the state folder is part of the listing.
  if (known && unsafeStateFolder(root, []) === null) return ok(asTree(request, known.entries, known.digest));

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
  if (git && repositories.size === 1 && !read.value.some((entry) => isOdd(entry, files.value))) {
    const links = read.value.filter((entry) => entry.type === 'link');
    const origin = { listing: git.digest, rules: digestOf(rules), folders: [...rules.keys()] };
    index?.rememberTree(paths.length, { ...origin, links, digest: tree.digest });
  }
  index?.save();
  return ok(tree);
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
  listing: Promise<Outcome<Listing>>,
  index?: SourceIndex,
  signal?: AbortSignal,
): Promise<Outcome<Listing>> {
  let isEnough = false;
  const judged = listing.then((listed) => {
    isEnough = !listed.ok || index?.knowsListing(listed.value.digest) !== true;
    return listed;
  });
  await index?.lookAhead(() => isEnough || signal?.aborted === true);
  return judged;
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
