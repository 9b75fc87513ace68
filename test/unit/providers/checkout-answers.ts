// A checkout as what git answers about it, with the names of all facts that follow.
export const sha = '0123456789abcdef0123456789abcdef01234567';

export const facts = [
  'sha',
  'short-sha',
  'branch',
  'tag',
  'ref',
  'default-branch',
  'repository',
  'timestamp',
  'dirty',
];

export const dirtyWords = 'status --porcelain --untracked-files=normal -- :(top) :(exclude).lockstep';

/** By git's words; what is not there it says no to. */
export const checkoutOf = (branch: string, remote: string): Record<string, string> => ({
  'log -1 --format=%H %ct': `${sha} 1700000000\n`,
  'symbolic-ref --short -q HEAD': `${branch}\n`,
  'tag --points-at HEAD': '',
  'config --get remote.origin.url': `${remote}\n`,
  [dirtyWords]: '',
  'symbolic-ref --short -q refs/remotes/origin/HEAD': `origin/${branch}\n`,
});

/** A git that answers so, and what it was asked. */
export function gitOf(answers: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  const git = (words: readonly string[]): Promise<string | null> => {
    asked.push(words.join(' '));
    return Promise.resolve(answers[words.join(' ')] ?? null);
  };
  return { git, asked };
}
