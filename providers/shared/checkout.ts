// Questions to git about a checkout → the facts that it answers by itself, whatever started the run.
import type { ContextRequest, EventOverrides } from '../../src/contract/provider.ts';
import type { GitFacts } from '../../src/model/ci-context.ts';

export type RefNames = Pick<GitFacts, 'branch' | 'tag'>;
export type Checkout = Omit<GitFacts, 'short-sha' | 'ref'>;

/** All of the repository but what is never source, though a platform may put it there before a run tells git to ignore it. */
const source = [':(top)', ':(exclude).lockstep'];

/** As long as git's own default, the same in every clone whatever its size. */
const shortSha = 7;

/** Facts that nobody wants are left empty, and so is what git has no answer to. */
export async function readCheckout(
  git: ContextRequest['git'],
  wanted: ReadonlySet<string>,
): Promise<Checkout> {
  const wants = (...names: string[]): boolean => names.some((name) => wanted.has(name));
  const read = async (when: boolean, ...args: string[]): Promise<string> =>
    when ? ((await git(args)) ?? '').trim() : '';
  const [head, branch, tags, remote, status, main] = await Promise.all([
    read(wants('git.sha', 'git.short-sha', 'git.timestamp'), 'log', '-1', '--format=%H %ct'),
    read(
      wants('git.branch', 'git.tag', 'git.ref', 'event.name', 'event.pull-request.source'),
      'symbolic-ref',
      '--short',
      '-q',
      'HEAD',
    ),
    read(wants('git.tag', 'git.ref', 'event.name'), 'tag', '--points-at', 'HEAD'),
    read(wants('git.repository'), 'config', '--get', 'remote.origin.url'),
    read(wants('git.dirty'), 'status', '--porcelain', '--untracked-files=normal', '--', ...source),
    wants('git.default-branch', 'event.pull-request.target') ? defaultBranch(git) : '',
  ]);
  const [sha = '', timestamp = '0'] = head.split(' ');
  return {
    sha,
    ...checkedOut(branch, tags),
    'default-branch': main,
    repository: repositoryName(remote),
    timestamp: Number(timestamp),
    dirty: status !== '',
  };
}

/** A ref is what its names make it, so that it is the same on every platform. */
export const gitFacts = (checkout: Checkout, { branch, tag }: RefNames): GitFacts => ({
  ...checkout,
  'short-sha': checkout.sha.slice(0, shortSha),
  branch,
  tag,
  ref: tag !== '' ? `refs/tags/${tag}` : branch !== '' ? `refs/heads/${branch}` : '',
});

/** What the command line says; null where it says nothing. */
export function namedBy({ branch, tag }: EventOverrides): RefNames | null {
  if (tag !== undefined) return { branch: '', tag };
  return branch === undefined ? null : { branch, tag: '' };
}

/** A tag counts only on a detached HEAD that exactly one tag points at. */
function checkedOut(branch: string, tags: string): RefNames {
  const pointing = tags.split('\n').filter((tag) => tag !== '');
  const [only] = pointing;
  return { branch, tag: branch === '' && pointing.length === 1 && only !== undefined ? only : '' };
}

/** What the remote calls its HEAD, else the usual name that exists here or there: not every clone is told of the remote's HEAD. */
async function defaultBranch(git: ContextRequest['git']): Promise<string> {
  const remote = await git(['symbolic-ref', '--short', '-q', 'refs/remotes/origin/HEAD']);
  if (remote) return remote.trim().replace(/^origin\//, '');
  for (const name of ['main', 'master']) {
    for (const ref of [`refs/heads/${name}`, `refs/remotes/origin/${name}`])
      if (await git(['rev-parse', '--verify', '-q', ref])) return name;
  }
  return '';
}

/** `owner/name` of a remote's URL, its credentials left behind; `''` for a path on this machine. */
export function repositoryName(remote: string): string {
  const path = remote.includes('://')
    ? URL.canParse(remote) && !remote.startsWith('file:')
      ? new URL(remote).pathname
      : ''
    : (/^[^/]+:(.+)$/.exec(remote)?.[1] ?? '');
  return path
    .replace(/^\/+/, '')
    .replace(/\/+$/, '')
    .replace(/\.git$/, '');
}
