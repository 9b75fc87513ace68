// What GitHub's variables, its event and the checkout say of a run, as the facts that a pipeline reads.
import { describe, expect, test } from 'vitest';
import { localContext } from '../../../providers/local/context.ts';
import type { Environment, EventOverrides } from '../../../src/contract/provider.ts';
import { sha, dirtyWords } from './checkout-answers.ts';
import {
  contextOf,
  detached,
  environment,
  eventFile,
  failureOf,
  folder,
  fork,
  onPullRequest,
  onTrunk,
  ours,
  pullRequest,
  requestOf,
  type Case,
} from './github-event.ts';

const other = 'fedcba9876543210fedcba9876543210fedcba98';

describe('a push', () => {
  test('to a branch', async () => {
    const { git, event, run, asked } = await contextOf({ payload: { repository: ours } });
    expect(git).toEqual({
      sha,
      'short-sha': '0123456',
      branch: 'trunk',
      tag: '',
      ref: 'refs/heads/trunk',
      'default-branch': 'trunk',
      repository: 'org/app',
      timestamp: 1_700_000_000,
      dirty: false,
    });
    expect(event).toEqual({ name: 'push', 'pull-request': null });
    expect(run).toEqual({
      id: '9001',
      number: 17,
      url: 'https://github.com/org/app/actions/runs/9001',
      attempt: 2,
    });
    expect(asked).toEqual(['log -1 --format=%H %ct', dirtyWords]);
  });

  test.each(['feature/a/b', '$(id)', '`id`;"\n', 'x'.repeat(10_000), 'constructor', '__proto__'])(
    'to a branch named %j',
    async (name) => {
      const { git } = await contextOf({ variables: { GITHUB_REF: `refs/heads/${name}` } });
      expect(git).toMatchObject({ branch: name, tag: '', ref: `refs/heads/${name}` });
    },
  );

  test('of a tag, whatever is checked out', async () => {
    const variables = { GITHUB_REF: 'refs/tags/v1/x', GITHUB_SHA: other };
    const { git, event } = await contextOf({ variables, answers: detached });
    expect(git).toMatchObject({ sha, branch: '', tag: 'v1/x', ref: 'refs/tags/v1/x' });
    expect(event.name).toBe('tag');
  });

  test('without GITHUB_REF: its name and type', async () => {
    const named = { GITHUB_REF: '', GITHUB_REF_NAME: 'a/b' };
    expect((await contextOf({ variables: named })).git.branch).toBe('a/b');
    expect((await contextOf({ variables: { ...named, GITHUB_REF_TYPE: 'tag' } })).git.tag).toBe('a/b');
  });

  test('and the workflow checked out something else: the checkout says what', async () => {
    const answers = {
      ...onTrunk,
      'log -1 --format=%H %ct': `${other} 5`,
      'symbolic-ref --short -q HEAD': 'old',
    };
    expect((await contextOf({ answers })).git).toMatchObject({ sha: other, branch: 'old', timestamp: 5 });
  });

  test('git is asked only for what the pipeline reads and nobody else says', async () => {
    const asked = async (...wanted: string[]) =>
      (await contextOf({ payload: { repository: ours }, wanted })).asked;
    expect(await asked()).toEqual([]);
    expect(await asked('event.name', 'git.repository', 'git.default-branch')).toEqual([]);
    expect(await asked('git.branch')).toEqual(['log -1 --format=%H %ct']);
    expect(await asked('git.dirty')).toEqual([dirtyWords]);
  });

  test.each([
    undefined,
    '/nowhere/event.json',
    folder,
    '/dev/zero',
    eventFile(''),
    eventFile('[1]'),
    eventFile('{'),
  ])('with the payload %j: git says what it does not', async (path) => {
    const { git, event } = await contextOf({ variables: { GITHUB_EVENT_PATH: path } });
    expect(git['default-branch']).toBe('trunk');
    expect(event.name).toBe('push');
  });

  test('nothing but the name of the event: the checkout says all', async () => {
    const bare = Object.fromEntries(Object.keys(environment).map((name) => [name, undefined]));
    const { git, run } = await contextOf({ variables: { ...bare, GITHUB_EVENT_NAME: 'push' } });
    expect(git).toMatchObject({ sha, branch: 'trunk', repository: 'org/app' });
    expect(run).toEqual({ id: 'r1', number: 0, url: '', attempt: 1 });
  });
});

test.each([
  ['schedule', 'refs/heads/trunk', 'schedule'],
  ['workflow_dispatch', 'refs/heads/trunk', 'manual'],
  ['workflow_dispatch', 'refs/tags/v1', 'manual'],
  ['repository_dispatch', 'refs/heads/trunk', 'manual'],
  ['merge_group', 'refs/heads/gh-readonly-queue/trunk/pr-7-abc', 'push'],
  ['release', 'refs/tags/v1', 'tag'],
  ['create', 'refs/tags/v1', 'tag'],
  ['create', 'refs/heads/x', 'push'],
  ['issues', 'refs/heads/trunk', 'manual'],
  ['deployment', '', 'manual'],
  ['constructor', 'refs/heads/trunk', 'manual'],
])('%s on %j is %s', async (GITHUB_EVENT_NAME, GITHUB_REF, name) => {
  const { event, git } = await contextOf({
    payload: { repository: ours, issue: { number: 3 } },
    variables: { GITHUB_EVENT_NAME, GITHUB_REF },
  });
  expect(event).toEqual({ name, 'pull-request': null });
  expect(git.ref).toBe(GITHUB_REF || 'refs/heads/trunk');
});

describe('the command line', () => {
  const foreign = { payload: { pull_request: pullRequest(fork) }, variables: onPullRequest };

  test('wins', async () => {
    expect(await contextOf({ overrides: { branch: 'x' } })).toMatchObject({ git: { branch: 'x' } });
    expect(await contextOf({ overrides: { tag: 'v1' } })).toMatchObject({
      git: { branch: '', tag: 'v1', ref: 'refs/tags/v1' },
      event: { name: 'tag' },
    });
    expect((await contextOf({ overrides: { pullRequest: { number: 9, fork: true } } })).event).toEqual({
      name: 'pull-request',
      'pull-request': { number: 9, source: 'trunk', target: 'trunk', fork: true },
    });
    expect(
      (
        await contextOf({
          payload: { pull_request: pullRequest(ours) },
          variables: onPullRequest,
          overrides: { branch: 'x' },
        })
      ).event,
    ).toEqual({ name: 'push', 'pull-request': null });
  });

  test.each([{ branch: 'x' }, { tag: 'v1' }, { pullRequest: { number: 9, fork: false } }])(
    '%j does not make a fork one of ours',
    async (overrides) => {
      expect((await contextOf({ ...foreign, overrides })).event['pull-request']?.fork).toBe(true);
    },
  );

  test('says what the event is where nobody else does', async () => {
    const variables = { GITHUB_EVENT_NAME: '', GITHUB_REF: '' };
    expect((await contextOf({ variables, overrides: { tag: 'v1' } })).event.name).toBe('tag');
    expect((await failureOf({ variables })).message).toBe(
      'GITHUB_EVENT_NAME is not set, so nobody says what started this run',
    );
  });
});

test('the page of a run is where the platform has it', async () => {
  const urlOn = async (variables: Environment) => (await contextOf({ variables })).run.url;
  const server = { GITHUB_SERVER_URL: 'https://git.example' };
  expect(await urlOn({ ...server, GITEA_ACTIONS: 'true' })).toBe(
    'https://git.example/org/app/actions/runs/9001',
  );
  expect(await urlOn({ ...server, FORGEJO_ACTIONS: 'true' })).toBe(
    'https://git.example/org/app/actions/runs/17',
  );
  expect(await urlOn({ ACT: 'true' })).toBe('');
  expect(await urlOn({ GITHUB_SERVER_URL: 'javascript:alert(1)' })).toBe('');
});

test.each<[string, Case, EventOverrides]>([
  ['a push', { payload: { repository: ours } }, {}],
  ['a tag', { variables: { GITHUB_REF: 'refs/tags/v1' }, answers: detached }, { tag: 'v1' }],
  [
    'a pull request',
    {
      payload: { pull_request: pullRequest(fork), repository: ours },
      variables: onPullRequest,
      answers: detached,
    },
    { branch: 'topic', pullRequest: { number: 7, fork: true } },
  ],
])('the facts of %s are those of a laptop on the same commit', async (_, there, overrides) => {
  const github = await contextOf(there);
  const local = await localContext(requestOf({ ...there, overrides }).request);
  expect(local).toMatchObject({ ok: true, value: { git: github.git, event: github.event } });
});
