import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { githubContext } from '../../../providers/github/context.ts';
import { localContext } from '../../../providers/local/context.ts';
import type { ContextRequest, Environment, EventOverrides } from '../../../src/contract/provider.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-github-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});
let files = 0;
function eventFile(text: string): string {
  const path = join(folder, `${String(++files)}.json`);
  writeFileSync(path, text);
  return path;
}

const sha = '0123456789abcdef0123456789abcdef01234567';
const other = 'fedcba9876543210fedcba9876543210fedcba98';
const facts = [
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
const all = [
  ...facts.map((name) => `git.${name}`),
  'event.name',
  ...['number', 'source', 'target', 'fork'].map((name) => `event.pull-request.${name}`),
];

const ours = { id: 1, full_name: 'org/app', default_branch: 'trunk' };
const fork = { id: 2, full_name: 'someone/app' };
const environment: Environment = {
  GITHUB_ACTIONS: 'true',
  GITHUB_EVENT_NAME: 'push',
  GITHUB_REF: 'refs/heads/trunk',
  GITHUB_SHA: sha,
  GITHUB_REPOSITORY: 'org/app',
  GITHUB_SERVER_URL: 'https://github.com',
  GITHUB_RUN_ID: '9001',
  GITHUB_RUN_NUMBER: '17',
  GITHUB_RUN_ATTEMPT: '2',
};

/** What git answers in what actions/checkout left of a branch; what is not there it says no to. */
const onTrunk: Record<string, string> = {
  'log -1 --format=%H %ct': `${sha} 1700000000\n`,
  'symbolic-ref --short -q HEAD': 'trunk\n',
  'tag --points-at HEAD': '',
  'config --get remote.origin.url': 'https://github.com/org/app\n',
  'status --porcelain --untracked-files=normal': '',
  'symbolic-ref --short -q refs/remotes/origin/HEAD': 'origin/trunk\n',
};
const detached = { ...onTrunk, 'symbolic-ref --short -q HEAD': '' };

interface Case {
  readonly payload?: unknown;
  readonly variables?: Environment;
  readonly answers?: Record<string, string>;
  readonly overrides?: EventOverrides;
  readonly wanted?: readonly string[];
}

function requestOf({ payload, variables, answers = onTrunk, overrides = {}, wanted = all }: Case) {
  const asked: string[] = [];
  const request: ContextRequest = {
    environment: {
      ...environment,
      ...(payload !== undefined && { GITHUB_EVENT_PATH: eventFile(JSON.stringify(payload)) }),
      ...variables,
    },
    git: (words) => {
      asked.push(words.join(' '));
      return Promise.resolve(answers[words.join(' ')] ?? null);
    },
    overrides,
    runId: 'r1',
    wanted: new Set(wanted),
  };
  return { request, asked };
}

async function contextOf(of: Case) {
  const { request, asked } = requestOf(of);
  const got = await githubContext(request);
  if (!got.ok) throw new Error(got.failure.message);
  return { ...got.value, asked };
}

async function failureOf(of: Case) {
  const got = await githubContext(requestOf(of).request);
  if (got.ok) throw new Error(`passed as ${JSON.stringify(got.value.event)}`);
  return got.failure;
}

const pullRequest = (head: unknown, more: object = {}): object => ({
  number: 7,
  head: { ref: 'topic', repo: head },
  base: { ref: 'trunk', repo: ours },
  ...more,
});
const onPullRequest: Environment = {
  GITHUB_EVENT_NAME: 'pull_request',
  GITHUB_REF: 'refs/pull/7/merge',
  GITHUB_HEAD_REF: 'topic',
  GITHUB_BASE_REF: 'trunk',
};

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
    expect(asked).toEqual(['log -1 --format=%H %ct', 'status --porcelain --untracked-files=normal']);
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
    expect(await asked('git.dirty')).toEqual(['status --porcelain --untracked-files=normal']);
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

describe('a pull request', () => {
  const answers = detached;

  test('from the same repository', async () => {
    const { git, event } = await contextOf({
      payload: { pull_request: pullRequest(ours), repository: ours },
      variables: onPullRequest,
      answers,
    });
    expect(git).toMatchObject({ sha, branch: 'topic', tag: '', ref: 'refs/heads/topic' });
    expect(event).toEqual({
      name: 'pull-request',
      'pull-request': { number: 7, source: 'topic', target: 'trunk', fork: false },
    });
  });

  test.each(['pull_request', 'pull_request_target', 'pull_request_review', 'something_new'])(
    '%s from a fork, or from a fork that is gone',
    async (GITHUB_EVENT_NAME) => {
      for (const head of [fork, null, undefined, {}, 'org/app', { id: '1', full_name: '' }]) {
        const { event } = await contextOf({
          payload: { pull_request: pullRequest(head) },
          variables: { ...onPullRequest, GITHUB_EVENT_NAME, GITHUB_REF: 'refs/heads/trunk' },
        });
        expect(event['pull-request']).toEqual({ number: 7, source: 'topic', target: 'trunk', fork: true });
      }
    },
  );

  test('ids say more than names, which may have changed', async () => {
    const forkOf = async (head: unknown) =>
      (await contextOf({ payload: { pull_request: pullRequest(head) }, variables: onPullRequest })).event[
        'pull-request'
      ]?.fork;
    expect(await forkOf({ id: 1, full_name: 'org/renamed' })).toBe(false);
    expect(await forkOf({ id: 2, full_name: 'org/app' })).toBe(true);
    expect(await forkOf({ full_name: 'Org/App' })).toBe(false);
  });

  test('what the payload lacks the variables say', async () => {
    const { event } = await contextOf({
      payload: { pull_request: { head: { repo: ours }, base: { repo: ours } } },
      variables: onPullRequest,
    });
    expect(event['pull-request']).toEqual({ number: 7, source: 'topic', target: 'trunk', fork: false });
  });

  test.each([
    ['nothing', {}],
    ['no such file', { GITHUB_EVENT_PATH: '/nowhere/event.json' }],
    ['a folder', { GITHUB_EVENT_PATH: folder }],
    ['a device', { GITHUB_EVENT_PATH: '/dev/zero' }],
    ['an empty file', { GITHUB_EVENT_PATH: eventFile('') }],
    ['half a file', { GITHUB_EVENT_PATH: eventFile('{"pull_request": {"number"') }],
    ['a list', { GITHUB_EVENT_PATH: eventFile('[]') }],
    ['no pull request', { GITHUB_EVENT_PATH: eventFile('{}') }],
    ['half a pull request', { GITHUB_EVENT_PATH: eventFile('{"pull_request": {"number": 7, "head": {}}}') }],
    [
      'another prototype',
      { GITHUB_EVENT_PATH: eventFile('{"__proto__": {"pull_request": {"head": {}, "base": {}}}}') },
    ],
  ])('described by %s is refused', async (_, variables) => {
    for (const name of ['pull_request', 'pull_request_target', 'workflow_run', 'issue_comment', ''])
      for (const overrides of [{}, { branch: 'trunk' }])
        expect(
          await failureOf({
            variables: { ...onPullRequest, GITHUB_EVENT_NAME: name, ...variables },
            overrides,
          }),
        ).toMatchObject({ kind: 'usage', code: 'event-unreadable' });
    // The ref gives it away where the name does not.
    expect(
      (await failureOf({ variables: { ...onPullRequest, GITHUB_EVENT_NAME: 'push', ...variables } })).code,
    ).toBe('event-unreadable');
  });

  test('described by a huge file is refused unread', async () => {
    const path = eventFile('');
    truncateSync(path, 2 ** 31);
    const { message } = await failureOf({ variables: { ...onPullRequest, GITHUB_EVENT_PATH: path } });
    expect(message).toBe(`The event "pull_request" cannot be understood: ${path} is larger than 32 MiB`);
  });
});

describe('a workflow run', () => {
  const after = (event: string, head: unknown, listed: readonly unknown[] = []) =>
    contextOf({
      payload: {
        workflow_run: { event, head_branch: 'topic', head_repository: head, pull_requests: listed },
        repository: ours,
      },
      variables: { GITHUB_EVENT_NAME: 'workflow_run' },
    });

  test('counts as the event of the run that it follows, on the branch of that', async () => {
    expect(await after('push', ours)).toMatchObject({
      git: { branch: 'topic' },
      event: { name: 'push', 'pull-request': null },
    });
    expect((await after('schedule', ours)).event.name).toBe('schedule');
    expect((await after('issues', ours)).event.name).toBe('manual');
    expect(await after('release', ours)).toMatchObject({
      git: { tag: 'topic', branch: '' },
      event: { name: 'tag' },
    });
  });

  test('of a pull request', async () => {
    const listed = [{ number: 7, base: { ref: 'trunk' } }];
    expect((await after('pull_request', ours, listed)).event).toEqual({
      name: 'pull-request',
      'pull-request': { number: 7, source: 'topic', target: 'trunk', fork: false },
    });
  });

  test('of a fork, whatever the event was', async () => {
    for (const [event, head] of [
      ['pull_request', fork],
      ['push', fork],
      ['push', null],
      ['pull_request_target', ours],
    ] as const)
      expect((await after(event, head)).event).toEqual({
        name: 'pull-request',
        'pull-request': { number: 0, source: 'topic', target: 'trunk', fork: true },
      });
  });
});

describe('a comment', () => {
  const variables = { GITHUB_EVENT_NAME: 'issue_comment' };

  test('on an issue', async () => {
    const { event, git } = await contextOf({ payload: { issue: { number: 3 } }, variables });
    expect(event).toEqual({ name: 'manual', 'pull-request': null });
    expect(git.branch).toBe('trunk');
  });

  test('on a pull request, of which it says neither branch nor home', async () => {
    const { event, git } = await contextOf({
      payload: { issue: { number: 7, pull_request: {} } },
      variables,
    });
    expect(event['pull-request']).toEqual({ number: 7, source: '', target: 'trunk', fork: true });
    expect(git).toMatchObject({ branch: '', ref: '' });
  });
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

describe('whatever the payload is', () => {
  const head = fc.oneof(fc.constantFrom(ours, fork, null), fc.jsonValue());
  const repository = fc.oneof(fc.constant(ours), fc.jsonValue());
  const payload = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        pull_request: fc.oneof(
          fc.jsonValue(),
          fc.record({
            head: fc.record({ ref: fc.jsonValue(), repo: head }),
            base: fc.record({ repo: repository }),
          }),
        ),
        workflow_run: fc.record({
          event: fc.oneof(fc.constantFrom('push', 'pull_request'), fc.jsonValue()),
          head_repository: head,
          repository,
          pull_requests: fc.jsonValue(),
        }),
        issue: fc.jsonValue(),
        repository,
      },
      { requiredKeys: [] },
    ),
  );
  const typesIn = (value: object): Record<string, string> =>
    Object.fromEntries(Object.entries(value).map(([key, fact]) => [key, typeof fact]));
  const allText = Object.fromEntries(facts.map((fact) => [fact, 'string']));
  const name = fc.constantFrom(
    'pull_request',
    'pull_request_target',
    'workflow_run',
    'issue_comment',
    'new',
    'push',
  );

  test('it gives facts of the right types or says why not, and is ours only if it says so', async () => {
    await fc.assert(
      fc.asyncProperty(payload, name, async (value, GITHUB_EVENT_NAME) => {
        const { request } = requestOf({ payload: value, variables: { GITHUB_EVENT_NAME } });
        const got = await githubContext(request);
        if (!got.ok) {
          expect(got.failure.code).toBe('event-unreadable');
          expect(GITHUB_EVENT_NAME).not.toBe('push');
          return;
        }
        const change = got.value.event['pull-request'];
        expect(typesIn(got.value.git)).toEqual({ ...allText, timestamp: 'number', dirty: 'boolean' });
        if (change === null) return;
        expect(typesIn(change)).toEqual({
          number: 'number',
          source: 'string',
          target: 'string',
          fork: 'boolean',
        });
        if (!change.fork) expect(JSON.stringify(value).split('"id":1').length).toBeGreaterThan(2);
      }),
      { numRuns: 200 },
    );
  });
});
