// The source folder → the manifest of a run: what git tracks or does not ignore, without what .lockstepignore names.
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../src/contract/provider.ts';
import { fail, ok, type Failure, type Outcome } from '../src/model/failure.ts';
import { compileGlobs, namesWithoutWildcard } from '../src/model/glob.ts';
import { sortTree, treeDigest, type TreeEntry } from '../src/model/tree.ts';
import { readEntries, unreadable } from './disk-tree.ts';
import { listGitFiles, type GitFiles } from './git-files.ts';
import { ignoredBy, listUnignored } from './ignore-files.ts';

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
}

const STATE_FOLDER = '.lockstep';
const LOCK_FILE = 'lockstep.lock';

/**
 * Reads every source file once. Files deleted meanwhile are left out; special files are none.
 * Failures (`environment`): `git-failed`, `source-unreadable`, `interrupted`; (`usage`): `state-folder-unsafe`.
 */
export async function readSourceTree(request: SourceRequest): Promise<Outcome<SourceTree>> {
  const { root, pipelineFile, environment, signal } = request;
  const listed = isThere(join(root, '.git'))
    ? await listGitFiles(root, environment, signal)
    : await listPlainFiles(root, signal);
  if (!listed.ok) return listed;
  const { tracked, untracked, executable } = listed.value;
  const unsafe = unsafeStateFolder(root, tracked);
  if (unsafe !== null) return { ok: false, failure: unsafe };

  let paths: string[];
  try {
    const ignores = ignoredBy(root, '.lockstepignore');
    paths = [...tracked, ...untracked].filter((path) => !isState(path) && !ignores(path, false));
  } catch (error) {
    return unreadable(root, '.lockstepignore', error);
  }
  const read = await readEntries(root, paths, signal);
  if (!read.ok) return read;
  const all = sortTree(read.value.map((entry) => withGitMode(entry, executable)));
  const isNamed = ({ path }: TreeEntry): boolean => path === pipelineFile || path === LOCK_FILE;
  const entries = all.filter((entry) => !isNamed(entry));
  return ok({ root, entries, named: all.filter(isNamed), digest: treeDigest(entries) });
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
  return files.ok ? ok({ tracked: [], untracked: files.value, executable: new Map() }) : files;
}

const isState = (path: string): boolean => path === STATE_FOLDER || path.startsWith(`${STATE_FOLDER}/`);

const withGitMode = (entry: TreeEntry, executable: ReadonlyMap<string, boolean>): TreeEntry =>
  entry.type === 'file' ? { ...entry, executable: executable.get(entry.path) ?? entry.executable } : entry;

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
