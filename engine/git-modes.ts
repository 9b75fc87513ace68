// Entries as they lie on disk → with the executable bits that git has them by, where it is told not to trust the disk's.
import { join } from 'node:path';
import type { Environment } from '../src/contract/provider.ts';
import { ok, type Outcome } from '../src/model/failure.ts';
import type { TreeEntry } from '../src/model/tree.ts';
import { parentOf } from './disk-tree.ts';
import { runGit, type GitFiles } from './git-files.ts';

/** Whose bit on disk is not git's own. */
export const isOdd = (entry: TreeEntry, { executable }: GitFiles): boolean =>
  entry.type === 'file' && entry.executable !== executable.has(entry.path);

/** Git is asked (`core.fileMode`) only where an entry is odd: a process less for nearly every run. */
export async function withGitModes(
  root: string,
  entries: readonly TreeEntry[],
  files: GitFiles,
  environment: Environment,
  signal?: AbortSignal,
): Promise<Outcome<readonly TreeEntry[]>> {
  const repositoryOf = (path: string): string => {
    let folder = parentOf(path);
    while (!repositories.has(folder)) folder = parentOf(folder);
    return folder;
  };
  const { executable, repositories } = files;
  const asked = new Set(entries.filter((entry) => isOdd(entry, files)).map(({ path }) => repositoryOf(path)));
  const distrusting = new Set<string>();
  for (const folder of asked) {
    if (repositories.get(folder) !== true) continue;
    const words = ['config', '--type=bool', '--default=true', '--get', 'core.fileMode'];
    const answer = await runGit(join(root, folder), words, environment, signal);
    if (!answer.ok) return answer;
    if (answer.value.stdout.toString().trim() === 'false') distrusting.add(folder);
  }
  if (distrusting.size === 0) return ok(entries);
  return ok(
    entries.map((entry) =>
      isOdd(entry, files) && distrusting.has(repositoryOf(entry.path))
        ? { ...entry, executable: executable.has(entry.path) }
        : entry,
    ),
  );
}
