import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gitlabContext } from '../../../providers/gitlab/context.ts';
import { localContext } from '../../../providers/local/context.ts';
import type { ContextRequest, Environment, EventOverrides } from '../../../src/contract/provider.ts';
import { dirtyWords, facts, gitOf, sha } from './checkout-answers.ts';

const other = 'fedcba9876543210fedcba9876543210fedcba98';
const all = [
  ...facts.map((name) => `git.${name}`),
  'event.name',
  ...['number', 'source', 'target', 'fork'].map((name) => `event.pull-request.${name}`),
];

const job: Environment = {
  GITLAB_CI: 'true',
  CI_PROJECT_PATH: 'group/sub/app',
  CI_DEFAULT_BRANCH: 'trunk',
  CI_COMMIT_SHA: sha,
  CI_PIPELINE_ID: '9001',
  CI_PIPELINE_IID: '17',
  CI_PIPELINE_URL: 'https://gitlab.example/group/sub/app/-/pipelines/9001',
  CI_JOB_URL: 'https://gitlab.example/group/sub/app/-/jobs/5',
};
const onBranch: Environment = { ...job, CI_PIPELINE_SOURCE: 'push', CI_COMMIT_BRANCH: 'trunk' };
const onTag: Environment = { ...job, CI_PIPELINE_SOURCE: 'push', CI_COMMIT_TAG: 'v1/x' };
const mergeRequest: Environment = {
  ...job,
  CI_PIPELINE_SOURCE: 'merge_request_event',
  CI_MERGE_REQUEST_IID: '7',
  CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'topic',
  CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'next',
  CI_MERGE_REQUEST_PROJECT_ID: '1',
  CI_MERGE_REQUEST_PROJECT_PATH: 'group/sub/app',
  CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '1',
  CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: 'group/sub/app',
};
const fromFork: Environment = {
  ...mergeRequest,
  CI_MERGE_REQUEST_SOURCE_PROJECT_ID: '2',
  CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: 'someone/app',
};
const external: Environment = {
  ...job,
  CI_PIPELINE_SOURCE: 'external_pull_request_event',
  CI_COMMIT_BRANCH: 'topic',
  CI_EXTERNAL_PULL_REQUEST_IID: '7',
  CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY: 'org/app',
  CI_EXTERNAL_PULL_REQUEST_TARGET_REPOSITORY: 'Org/App',
  CI_EXTERNAL_PULL_REQUEST_SOURCE_BRANCH_NAME: 'topic',
  CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME: 'next',
};

/** What git answers in the checkout that GitLab's runner makes; what is not there it says no to. */
const detached: Record<string, string> = {
  'log -1 --format=%H %ct': `${sha} 1700000000\n`,
  'symbolic-ref --short -q HEAD': '',
  'tag --points-at HEAD': '',
  'config --get remote.origin.url': 'https://gitlab-ci-token@gitlab.example/group/sub/app.git\n',
  [dirtyWords]: '',
};

interface Case {
  readonly environment: Environment;
  readonly answers?: Record<string, string>;
  readonly overrides?: EventOverrides;
  readonly wanted?: readonly string[];
}

function requestOf({ environment, answers = detached, overrides = {}, wanted = all }: Case) {
  const { git, asked } = gitOf(answers);
  const request: ContextRequest = {
    ...{ environment, git, overrides, runId: 'r1', wanted: new Set(wanted) },
  };
  return { request, asked };
}

async function contextOf(of: Case) {
  const { request, asked } = requestOf(of);
  const got = await gitlabContext(request);
  if (!got.ok) throw new Error(got.failure.message);
  return { ...got.value, asked };
}

async function failureOf(environment: Environment, overrides: EventOverrides = {}) {
  const got = await gitlabContext(requestOf({ environment, overrides }).request);
  if (got.ok) throw new Error(`passed as ${JSON.stringify(got.value.event)}`);
  return got.failure;
}

test('a push to a branch', async () => {
  const { git, event, run, asked } = await contextOf({ environment: onBranch });
  expect(git).toEqual({
    sha,
    'short-sha': '0123456',
    branch: 'trunk',
    tag: '',
    ref: 'refs/heads/trunk',
    'default-branch': 'trunk',
    repository: 'group/sub/app',
    timestamp: 1_700_000_000,
    dirty: false,
  });
  expect(event).toEqual({ name: 'push', 'pull-request': null });
  expect(run).toEqual({ id: '9001', number: 17, url: job.CI_PIPELINE_URL, attempt: 1 });
  expect(asked).toHaveLength(2);
});

const change = { number: 7, source: 'topic', target: 'next', fork: false };
const branch = { branch: 'trunk', tag: '' };

test.each<[string, Environment, string, object | null, object]>([
  ['a tag', onTag, 'tag', null, { branch: '', tag: 'v1/x', ref: 'refs/tags/v1/x' }],
  ['a schedule', { ...onBranch, CI_PIPELINE_SOURCE: 'schedule' }, 'schedule', null, branch],
  ['a schedule of a tag', { ...onTag, CI_PIPELINE_SOURCE: 'schedule' }, 'schedule', null, { tag: 'v1/x' }],
  ...['web', 'api', 'trigger', 'pipeline', 'chat', 'webide', 'external', 'constructor', 'something_new'].map(
    (source): [string, Environment, string, null, object] => [
      source,
      { ...onBranch, CI_PIPELINE_SOURCE: source },
      'manual',
      null,
      branch,
    ],
  ),
  ['a tag by hand', { ...onTag, CI_PIPELINE_SOURCE: 'web' }, 'manual', null, { tag: 'v1/x' }],
  ['a branch without a source', { ...onBranch, CI_PIPELINE_SOURCE: '' }, 'push', null, branch],
  ['a merge request', mergeRequest, 'pull-request', change, { branch: 'topic', tag: '', sha }],
  ...['detached', 'merged_result', 'merge_train'].map(
    (type): [string, Environment, string, object, object] => [
      type,
      { ...mergeRequest, CI_MERGE_REQUEST_EVENT_TYPE: type, CI_COMMIT_SHA: other },
      'pull-request',
      change,
      { branch: 'topic', sha },
    ],
  ),
  ['a merge request of a fork', fromFork, 'pull-request', { ...change, fork: true }, { branch: 'topic' }],
  ['an external pull request', external, 'pull-request', change, { branch: 'topic' }],
  [
    'an external pull request of a fork',
    { ...external, CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY: 'someone/app' },
    'pull-request',
    { ...change, fork: true },
    { branch: 'topic' },
  ],
])('%s', async (_, environment, name, pullRequest, names) => {
  const { git, event } = await contextOf({ environment });
  expect(event).toEqual({ name, 'pull-request': pullRequest });
  expect(git).toMatchObject(names);
});

describe('a child pipeline', () => {
  const child = (environment: Environment, source?: string): Environment => ({
    ...environment,
    CI_PIPELINE_SOURCE: 'parent_pipeline',
    ...(source !== undefined && { LOCKSTEP_PIPELINE_SOURCE: source }),
  });

  test.each<[string, string | undefined, string, Environment]>([
    ['a branch', undefined, 'push', onBranch],
    ['a tag', undefined, 'tag', onTag],
    ['a branch', 'push', 'push', onBranch],
    ['a tag', 'push', 'tag', onTag],
    ['a branch', 'schedule', 'schedule', onBranch],
    ['a branch', 'web', 'manual', onBranch],
    ['a branch', 'parent_pipeline', 'push', onBranch],
    ['a branch', '', 'push', onBranch],
    ['a merge request', 'push', 'pull-request', mergeRequest],
    ['a merge request', undefined, 'pull-request', mergeRequest],
  ])('of %s that is told %j: %s', async (_, source, name, environment) => {
    expect((await contextOf({ environment: child(environment, source) })).event.name).toBe(name);
  });

  test('nobody but it is told by a variable what started it', async () => {
    const environment = { ...onBranch, CI_PIPELINE_SOURCE: 'web', LOCKSTEP_PIPELINE_SOURCE: 'push' };
    expect((await contextOf({ environment })).event.name).toBe('manual');
  });

  test('of a fork stays one, whatever is passed on', async () => {
    const { event } = await contextOf({ environment: child(fromFork, 'push') });
    expect(event['pull-request']?.fork).toBe(true);
  });
});

describe('whose merge request it is', () => {
  const forkOf = async (
    ids: readonly [string | undefined, string | undefined],
    paths: readonly [string | undefined, string | undefined],
  ) =>
    (
      await contextOf({
        environment: {
          ...mergeRequest,
          CI_MERGE_REQUEST_SOURCE_PROJECT_ID: ids[0],
          CI_MERGE_REQUEST_PROJECT_ID: ids[1],
          CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: paths[0],
          CI_MERGE_REQUEST_PROJECT_PATH: paths[1],
        },
      })
    ).event['pull-request']?.fork;

  test('ids say more than paths, which may have changed; what nobody says is a fork', async () => {
    expect(await forkOf(['1', '1'], ['a/b', 'c/d'])).toBe(false);
    expect(await forkOf(['2', '1'], ['a/b', 'a/b'])).toBe(true);
    expect(await forkOf(['', '1'], ['A/b', 'a/B'])).toBe(false);
    expect(await forkOf([undefined, '1'], ['x/b', 'a/b'])).toBe(true);
    expect(await forkOf(['', ''], ['', ''])).toBe(true);
    expect(await forkOf([undefined, undefined], [undefined, 'a/b'])).toBe(true);
  });

  test('is no guess, whatever the variables are', async () => {
    const id = fc.constantFrom('', '1', '2', undefined);
    const path = fc.constantFrom('', 'a/b', 'A/B', 'c/d', undefined);
    const source = fc.constantFrom('merge_request_event', 'parent_pipeline', 'web', 'schedule', '', 'x');
    await fc.assert(
      fc.asyncProperty(id, id, id, path, path, source, async (iid, ours, theirs, here, there, from) => {
        const environment = {
          ...{ CI_PIPELINE_SOURCE: from, CI_MERGE_REQUEST_IID: iid, LOCKSTEP_PIPELINE_SOURCE: 'push' },
          ...{ CI_MERGE_REQUEST_PROJECT_ID: ours, CI_MERGE_REQUEST_SOURCE_PROJECT_ID: theirs },
          ...{ CI_MERGE_REQUEST_PROJECT_PATH: here, CI_MERGE_REQUEST_SOURCE_PROJECT_PATH: there },
        };
        const got = await gitlabContext(requestOf({ environment }).request);
        if (!iid) {
          expect(got.ok).toBe(false);
          return;
        }
        const isOurs = ours && theirs ? ours === theirs : here && here.toLowerCase() === there?.toLowerCase();
        expect(got).toMatchObject({ value: { event: { 'pull-request': { fork: !isOurs } } } });
      }),
    );
  });
});

describe('where GitLab does not say whose change it is', () => {
  const closed = { ...job, CI_PIPELINE_SOURCE: 'merge_request_event' };

  test.each<[string, Environment, string]>([
    ['of a merge request that is closed', closed, 'the pipeline (merge_request_event) is of no branch'],
    ['and a branch besides', { ...closed, CI_COMMIT_BRANCH: 'trunk' }, 'nobody says whose change it runs'],
    [
      'of an external one',
      { ...onBranch, CI_PIPELINE_SOURCE: 'external_pull_request_event' },
      'is of no branch',
    ],
    [
      'of a child of one that is closed',
      { ...job, CI_PIPELINE_SOURCE: 'parent_pipeline', LOCKSTEP_PIPELINE_SOURCE: 'push' },
      'is of no branch',
    ],
    ['of nothing', { ...job, CI_PIPELINE_SOURCE: 'web' }, 'is of no branch, tag or open merge request'],
    ['without a source', job, 'CI_PIPELINE_SOURCE is not set, so nobody says what started this run'],
  ])('a pipeline %s is refused', async (_, environment, message) => {
    const failure = await failureOf(environment);
    expect(failure).toMatchObject({ kind: 'usage', code: 'event-unreadable' });
    expect(failure.message).toContain(message);
  });

  test('the command line does only where it says nothing at all', async () => {
    expect((await contextOf({ environment: job, overrides: { tag: 'v1' } })).event.name).toBe('tag');
    expect((await failureOf(closed, { branch: 'trunk' })).code).toBe('event-unreadable');
  });

  test('a push is never of a merge request: the checkout says what it is of', async () => {
    const environment = { ...job, CI_PIPELINE_SOURCE: 'push' };
    const answers = { ...detached, 'tag --points-at HEAD': 'v2\n' };
    expect((await contextOf({ environment, answers })).git.tag).toBe('v2');
  });
});

test('a job that checked out something else: the checkout says what', async () => {
  const answers = {
    ...detached,
    'log -1 --format=%H %ct': `${other} 5`,
    'symbolic-ref --short -q HEAD': 'old',
  };
  expect((await contextOf({ environment: onBranch, answers })).git).toMatchObject({
    sha: other,
    branch: 'old',
  });
});

test('a checkout that git will not read, as it is of another user: GitLab says what it can', async () => {
  expect((await contextOf({ environment: onBranch, answers: {} })).git).toMatchObject({
    ...{ sha, branch: 'trunk', repository: 'group/sub/app', timestamp: 0 },
  });
});

test('no id, no number, no page', async () => {
  const environment = {
    CI_PIPELINE_SOURCE: 'push',
    CI_PIPELINE_IID: 'x',
    CI_PIPELINE_URL: 'javascript:alert(1)',
  };
  const { run } = await contextOf({ environment });
  expect(run).toEqual({ id: 'r1', number: 0, url: '', attempt: 1 });
  const { CI_JOB_URL } = job;
  expect((await contextOf({ environment: { ...environment, CI_JOB_URL } })).run.url).toBe(CI_JOB_URL);
});

test('git is asked only for what the pipeline reads and nobody else says', async () => {
  const asked = async (...wanted: string[]) => (await contextOf({ environment: onBranch, wanted })).asked;
  expect(await asked()).toEqual([]);
  expect(await asked('event.name', 'git.repository', 'git.default-branch')).toEqual([]);
  expect(await asked('git.branch')).toEqual(['log -1 --format=%H %ct']);
});

describe('the command line', () => {
  test('wins', async () => {
    expect(await contextOf({ environment: onBranch, overrides: { tag: 'v9' } })).toMatchObject({
      git: { branch: '', tag: 'v9' },
      event: { name: 'tag' },
    });
    expect((await contextOf({ environment: mergeRequest, overrides: { branch: 'x' } })).event).toEqual({
      name: 'push',
      'pull-request': null,
    });
  });

  test.each([{ branch: 'x' }, { tag: 'v1' }, { pullRequest: { number: 9, fork: false } }])(
    '%j does not make a fork one of ours',
    async (overrides) => {
      const { event } = await contextOf({ environment: fromFork, overrides });
      expect(event['pull-request']?.fork).toBe(true);
    },
  );
});

test.each<[string, Environment, EventOverrides]>([
  ['a push', onBranch, { branch: 'trunk' }],
  ['a tag', onTag, { tag: 'v1/x' }],
  [
    'a merge request',
    { ...mergeRequest, CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'trunk' },
    { branch: 'topic', pullRequest: { number: 7, fork: false } },
  ],
  [
    'a merge request of a fork',
    { ...fromFork, CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'trunk' },
    { branch: 'topic', pullRequest: { number: 7, fork: true } },
  ],
])('the facts of %s are those of a laptop on the same commit', async (_, environment, overrides) => {
  const answers = { ...detached, 'symbolic-ref --short -q refs/remotes/origin/HEAD': 'origin/trunk' };
  const gitlab = await contextOf({ environment, answers });
  const local = await localContext(requestOf({ environment: {}, answers, overrides }).request);
  expect(local).toMatchObject({ ok: true, value: { git: gitlab.git, event: gitlab.event } });
});
