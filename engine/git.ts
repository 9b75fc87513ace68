// A question to git about the checkout → its answer.
import type { Environment } from '../src/contract/provider.ts';
import { runGit } from './git-files.ts';

/** What git prints; null where it says no, or where there is no repository or no git. */
export async function askGit(
  root: string,
  words: readonly string[],
  environment: Environment,
): Promise<string | null> {
  const answer = await runGit(root, words, environment);
  return answer.ok ? answer.value.stdout.toString() : null;
}
