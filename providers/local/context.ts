// A git checkout and what the command line says of the event → the facts a pipeline may read.
import type { ContextRequest, EventOverrides } from '../../src/contract/provider.ts';
import type { CiContext, EventFacts, GitFacts } from '../../src/model/ci-context.ts';
import { ok, type Outcome } from '../../src/model/failure.ts';

/** As long as git's own default, the same in every clone whatever its size. */
const shortSha = 7;

/** Facts that nobody reads are left empty: git is asked only for what the pipeline wants. */
export async function localContext(request: ContextRequest): Promise<Outcome<CiContext>> {
  const git = await readGitFacts(request);
  return ok({
    git,
    event: eventFacts(request.overrides, git),
    run: { id: request.runId, number: 0, url: '', attempt: 1 },
  });
}

async function readGitFacts({ git, wanted, overrides }: ContextRequest): Promise<GitFacts> {
  const wants = (...names: string[]): boolean => names.some((name) => wanted.has(name));
  const read = async (when: boolean, ...args: string[]): Promise<string> =>
    when ? ((await git(args)) ?? '') : '';
  const [head, symbolic, tags, remote, status] = await Promise.all([
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
    read(wants('git.dirty'), 'status', '--porcelain', '--untracked-files=normal'),
  ]);
  const [sha = '', timestamp = '0'] = head.trim().split(' ');
  const names = { ...checkedOut(symbolic.trim(), tags), ...overridden(overrides, symbolic.trim()) };
  return {
    sha,
    'short-sha': sha.slice(0, shortSha),
    ...names,
    ref:
      names.tag === '' ? (names.branch === '' ? '' : `refs/heads/${names.branch}`) : `refs/tags/${names.tag}`,
    'default-branch': wants('git.default-branch', 'event.pull-request.target')
      ? await defaultBranch(git)
      : '',
    repository: repositoryName(remote.trim()),
    timestamp: Number(timestamp),
    dirty: status.trim() !== '',
  };
}

/** A tag counts only on a detached HEAD that exactly one tag points at. */
function checkedOut(branch: string, tags: string): Pick<GitFacts, 'branch' | 'tag'> {
  const pointing = tags.split('\n').filter((tag) => tag !== '');
  const [only] = pointing;
  return { branch, tag: branch === '' && pointing.length === 1 && only !== undefined ? only : '' };
}

function overridden(
  { branch, tag }: EventOverrides,
  current: string,
): Pick<GitFacts, 'branch' | 'tag'> | object {
  if (tag !== undefined) return { branch: '', tag };
  if (branch !== undefined) return { branch, tag: '' };
  return current === '' ? {} : { tag: '' };
}

function eventFacts({ pullRequest }: EventOverrides, git: GitFacts): EventFacts {
  if (!pullRequest) return { name: git.tag === '' ? 'push' : 'tag', 'pull-request': null };
  const { number, fork } = pullRequest;
  return {
    name: 'pull-request',
    'pull-request': { number, source: git.branch, target: git['default-branch'], fork },
  };
}

/** What the remote calls its HEAD, else the usual name that exists here. */
async function defaultBranch(git: ContextRequest['git']): Promise<string> {
  const remote = await git(['symbolic-ref', '--short', '-q', 'refs/remotes/origin/HEAD']);
  if (remote) return remote.trim().replace(/^origin\//, '');
  for (const name of ['main', 'master']) {
    if (await git(['rev-parse', '--verify', '-q', `refs/heads/${name}`])) return name;
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
