// A git work tree → the paths that git tracks or does not ignore, submodules and nested repositories included.
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
  /** Executable bits by path where git is told not to trust those on disk (`core.fileMode` is false). */
  readonly executable: ReadonlyMap<string, boolean>;
}

/** `root` is the top level of a work tree, links resolved. Failures (`environment`): `git-failed`, `source-unreadable`, `interrupted`. */
export async function listGitFiles(
  root: string,
  environment: Environment,
  signal?: AbortSignal,
): Promise<Outcome<GitFiles>> {
  const git = (...words: string[]): Promise<Outcome<GitOutput>> => runGit(root, words, environment, signal);
  const [listed, fileMode] = await Promise.all([
    git('ls-files', '-z', '-t', '--stage', '--cached', '--others', '--exclude-standard'),
    git('config', '--type=bool', '--default=true', '--get', 'core.fileMode'),
  ]);
  if (!listed.ok) return listed;
  if (!fileMode.ok) return fileMode;
  const { stdout, stderr } = listed.value;
  // Git only warns; files that are there and not seen would go missing without a word.
  if (stderr.includes('could not open directory')) {
    const message = `git cannot read all of ${root}`;
    const hint = 'make it readable, or name it in .gitignore';
    return fail('environment', 'source-unreadable', message, { hint, cause: stderr.trim() });
  }
  const trustsDisk = fileMode.value.stdout.toString().trim() !== 'false';
  const tracked = new Set<string>();
  const untracked: string[] = [];
  const executable = new Map<string, boolean>();
  const inside: string[] = [];
  for (const { path, mode } of splitNames(stdout).map(parseLine)) {
    if (mode === SUBMODULE || path.endsWith('/')) inside.push(path.replace(/\/$/, ''));
    // A submodule whose place a file took is that file.
    if (path.endsWith('/')) continue;
    if (mode === null) untracked.push(path);
    else tracked.add(path);
    if (!trustsDisk) executable.set(path, mode === '100755');
  }
  for (const folder of new Set(inside)) {
    const nested = await listNested(root, folder, environment, signal);
    if (!nested.ok) return nested;
    for (const path of nested.value.tracked) tracked.add(joinPath(folder, path));
    for (const path of nested.value.untracked) untracked.push(joinPath(folder, path));
    for (const [path, bit] of nested.value.executable) executable.set(joinPath(folder, path), bit);
  }
  return ok({ tracked: [...tracked], untracked, executable });
}

const SUBMODULE = '160000';

/** A submodule that was never initialised has no `.git`: whatever lies there is taken as it is. */
async function listNested(
  root: string,
  folder: string,
  environment: Environment,
  signal?: AbortSignal,
): Promise<Outcome<GitFiles>> {
  const none = { tracked: [], untracked: [], executable: new Map<string, boolean>() };
  const onDisk = diskPath(root, folder);
  if (lstatSync(onDisk, { throwIfNoEntry: false })?.isDirectory() !== true) return ok(none);
  const inner = joinPath(root, folder);
  if (existsSync(diskPath(inner, '.git'))) {
    if (typeof onDisk === 'string') return listGitFiles(onDisk, environment, signal);
    return fail('environment', 'git-failed', `git cannot be run in ${inner}: its name is not UTF-8`);
  }
  const untracked = await listUnignored(inner, signal);
  return untracked.ok ? ok({ ...none, untracked: untracked.value }) : untracked;
}

/** `H 100644 <object> 0⇥path` of an index entry, `? path` of an untracked one. */
function parseLine(line: string): { path: string; mode: string | null } {
  if (line.startsWith('? ')) return { path: line.slice(2), mode: null };
  return { path: line.slice(line.indexOf('\t') + 1), mode: line.slice(2, 8) };
}

const splitNames = (bytes: Buffer): string[] =>
  bytes
    .toString('latin1')
    .split('\0')
    .slice(0, -1)
    .map((name) => (ASCII.test(name) ? name : decodePath(Buffer.from(name, 'latin1'))));

const ASCII = /^[\0-\x7f]*$/;

interface GitOutput {
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** What the user says about git itself; the rest (`GIT_DIR` in a hook, say) would point it at another repository. */
const KEPT = /^GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM)|EXEC_PATH)$/;

export async function runGit(
  folder: string,
  words: readonly string[],
  environment: Environment,
  signal?: AbortSignal,
): Promise<Outcome<GitOutput>> {
  const kept = Object.entries(environment).filter(([name]) => !name.startsWith('GIT_') || KEPT.test(name));
  // Git heeds `safe.directory` from the command line since 2.38; fsmonitor would run a program that the repository names.
  const settings = ['-c', `safe.directory=${folder}`, '-c', 'core.fsmonitor=false'];
  const options = {
    cwd: folder,
    env: { ...Object.fromEntries(kept), LC_ALL: 'C', GIT_OPTIONAL_LOCKS: '0' },
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
