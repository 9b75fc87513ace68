// A git work tree → the paths that git tracks or does not ignore, submodules and nested repositories included.
import { isAscii } from 'node:buffer';
import { execFile } from 'node:child_process';
import { existsSync, lstatSync } from 'node:fs';
import type { Environment } from '../src/contract/provider.ts';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { decodePath, diskPath } from '../src/model/path-bytes.ts';
import { joinPath } from './disk-tree.ts';
import { listUnignored } from './ignore-files.ts';

/** Some paths may not be on disk any more, or may be something else there. */
export interface GitFiles {
  readonly tracked: readonly string[];
  readonly untracked: readonly string[];
  /** Those that are executable by git's own list. */
  readonly executable: ReadonlySet<string>;
  /** By folder ('' the top): whether a repository begins there, or files that no git looks after. */
  readonly repositories: ReadonlyMap<string, boolean>;
}

/**
 * What git says of the files of one repository, for `parseGitFiles`. `root` is the top level of a work tree, links
 * resolved. Failures (`environment`): `git-failed`, `source-unreadable`, `interrupted`.
 */
export async function listGitFiles(
  root: string,
  environment: Environment,
  signal?: AbortSignal,
): Promise<Outcome<Buffer>> {
  const words = ['ls-files', '-z', '-t', '--stage', '--cached', '--others', '--exclude-standard'];
  const listed = await runGit(root, words, environment, signal);
  if (!listed.ok) return listed;
  const { stdout, stderr } = listed.value;
  // Git only warns; files that are there and not seen would go missing without a word.
  if (stderr.includes('could not open directory')) {
    const message = `git cannot read all of ${root}`;
    const hint = 'make it readable, or name it in .gitignore';
    return fail('environment', 'source-unreadable', message, { hint, cause: stderr.trim() });
  }
  return ok(stdout);
}

/** With the files of repositories inside this one. Failures as `listGitFiles`. */
export async function parseGitFiles(
  root: string,
  listing: Buffer,
  environment: Environment,
  signal?: AbortSignal,
): Promise<Outcome<GitFiles>> {
  const tracked: string[] = [];
  const untracked: string[] = [];
  const executable = new Set<string>();
  const repositories = new Map([['', true]]);
  const inside: string[] = [];
  for (const { path, mode } of parseLines(listing)) {
    if (mode === SUBMODULE || path.endsWith('/')) inside.push(path.replace(/\/$/, ''));
    // A submodule whose place a file took is that file.
    if (path.endsWith('/')) continue;
    if (mode === null) untracked.push(path);
    // While a merge is under way a path is there up to three times, one after the other.
    else if (path !== tracked.at(-1)) tracked.push(path);
    if (mode === '100755') executable.add(path);
  }
  for (const folder of new Set(inside)) {
    const nested = await listNested(root, folder, environment, signal);
    if (!nested.ok) return nested;
    for (const path of nested.value.tracked) tracked.push(joinPath(folder, path));
    for (const path of nested.value.untracked) untracked.push(joinPath(folder, path));
    for (const path of nested.value.executable) executable.add(joinPath(folder, path));
    for (const [path, is] of nested.value.repositories)
      repositories.set(path === '' ? folder : joinPath(folder, path), is);
  }
  return ok({ tracked, untracked, executable, repositories });
}

const SUBMODULE = '160000';

/** A submodule that was never initialised has no `.git`: whatever lies there is taken as it is. */
async function listNested(
  root: string,
  folder: string,
  environment: Environment,
  signal?: AbortSignal,
): Promise<Outcome<GitFiles>> {
  const onDisk = diskPath(root, folder);
  if (lstatSync(onDisk, { throwIfNoEntry: false })?.isDirectory() !== true) return ok(withoutGit([]));
  const inner = joinPath(root, folder);
  if (existsSync(diskPath(inner, '.git'))) {
    if (typeof onDisk !== 'string')
      return fail('environment', 'git-failed', `git cannot be run in ${inner}: its name is not UTF-8`);
    const listing = await listGitFiles(onDisk, environment, signal);
    return listing.ok ? parseGitFiles(onDisk, listing.value, environment, signal) : listing;
  }
  const untracked = await listUnignored(inner, signal);
  return untracked.ok ? ok(withoutGit(untracked.value)) : untracked;
}

export const withoutGit = (untracked: readonly string[]): GitFiles => ({
  tracked: [],
  untracked,
  executable: new Set(),
  repositories: new Map([['', false]]),
});

interface Line {
  readonly path: string;
  /** Octal digits; null: git does not track it. */
  readonly mode: string | null;
}

/** `H 100644 <object> 0⇥path` of an index entry, `? path` of an untracked one, each with a NUL after it. */
function* parseLines(bytes: Buffer): Generator<Line> {
  const text = bytes.toString('latin1');
  const isPlain = isAscii(bytes);
  for (let start = 0, end = text.indexOf('\0'); end >= 0; start = end + 1, end = text.indexOf('\0', start)) {
    const isTracked = !text.startsWith('? ', start);
    const name = text.slice(isTracked ? text.indexOf('\t', start) + 1 : start + 2, end);
    const path = isPlain ? name : decodePath(Buffer.from(name, 'latin1'));
    yield { path, mode: isTracked ? text.slice(start + 2, start + 8) : null };
  }
}

interface GitOutput {
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What the user says about git itself; the rest (`GIT_DIR` in a hook, say) would point it at another repository. */
const KEPT = /^GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)|EXEC_PATH)$/;

/** `variables`: beside those of the environment. Failures: `git-failed`, as when it ends with another code than 0. */
export async function runGit(
  folder: string,
  words: readonly string[],
  environment: Environment,
  signal?: AbortSignal,
  variables: Environment = {},
): Promise<Outcome<GitOutput>> {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('GIT_') || KEPT.test(name));
  // Git heeds `safe.directory` from the command line since 2.38; fsmonitor would run a program that the repository names.
  const settings = ['-c', `safe.directory=${folder}`, '-c', 'core.fsmonitor=false'];
  const options = {
    cwd: folder,
    env: { ...Object.fromEntries(kept), LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0', ...variables },
    encoding: 'buffer',
    maxBuffer: 1 << 30,
    ...(signal && { signal }),
  } as const;
  return new Promise((resolve) => {
    execFile('git', [...settings, ...words], options, (error, stdout, stderr) => {
      const said = stderr.toString();
      resolve(error === null ? ok({ stdout, stderr: said }) : gitFailed(folder, error, said));
    });
  });
}

function gitFailed(folder: string, error: Error, said: string): ReturnType<typeof fail> {
  if ('code' in error && error.code === 'ENOENT') {
    const message = `${folder} is a git work tree, and there is no git on the PATH to read it with`;
    return fail('environment', 'git-failed', message, { hint: 'install git' });
  }
  return fail('environment', 'git-failed', `git cannot read ${folder}`, {
    hint: 'run `git status` there and put right what it says',
    cause: said.trim() || error.message,
  });
}
