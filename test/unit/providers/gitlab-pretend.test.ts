// What a dry run takes for the environment of a job of GitLab's, and that facts and trust come out of it as of a real one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gitlabProvider } from '../../../providers/gitlab/provider.ts';
import type { EventOverrides, PretendRequest } from '../../../src/contract/provider.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-pretend-'));
  file = join(folder, 'job.env');
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** A checkout of `topic`, its default branch `main`. */
const git = (args: readonly string[]): Promise<string | null> => {
  const words = args.join(' ');
  if (words.includes('refs/remotes/origin/HEAD')) return Promise.resolve('origin/main\n');
  if (words.startsWith('symbolic-ref')) return Promise.resolve('topic\n');
  if (words.startsWith('config')) return Promise.resolve('git@example.com:group/sub/app.git\n');
  if (words.startsWith('log')) return Promise.resolve(`${'a'.repeat(40)} 5\n`);
  return Promise.resolve(null);
};

interface Given {
  /** Lines of the event file. */
  readonly lines?: readonly string[];
  readonly name?: string | null;
  readonly overrides?: EventOverrides;
  readonly git?: PretendRequest['git'];
}

async function pretend({ lines, name = null, overrides = {}, git: asked = git }: Given) {
  if (lines !== undefined) writeFileSync(file, lines.join('\n'));
  const told = await gitlabProvider.pretend?.({
    ...{ event: lines === undefined ? null : { file, name }, overrides, git: asked },
  });
  if (told === undefined) throw new Error('no dry runs');
  return told;
}

/** Facts and trust of a run that is told this. */
async function runAs(given: Given) {
  const told = await pretend(given);
  if (!told.ok) throw new Error(told.failure.message);
  const environment = told.value;
  expect(gitlabProvider.detect(environment)).toBe(true);
  const wanted = new Set(['git.branch', 'git.tag', 'event.name', 'event.pull-request.target']);
  const context = await gitlabProvider.context({
    ...{ environment, git: given.git ?? git, overrides: given.overrides ?? {}, runId: 'x', wanted },
  });
  if (!context.ok) throw new Error(context.failure.message);
  const offers = gitlabProvider.offers?.(environment, context.value);
  const { event, git: facts } = context.value;
  return {
    ...{ event: event.name, change: event['pull-request'], branch: facts.branch, tag: facts.tag },
    ...{ scope: offers?.trust.scope, writes: offers?.trust.writes, cache: offers?.cache.is },
    credentials: offers?.credentials,
  };
}

const common = { change: null, tag: '', writes: true, cache: 'absent', credentials: [] };
const change = { number: 7, source: 'topic', target: 'main', fork: false };

describe('without a file', () => {
  test('it is a push of what is checked out', async () => {
    expect(await runAs({})).toEqual({
      ...{ ...common, event: 'push', branch: 'topic', scope: 'group/sub/app unprotected' },
    });
  });

  test('of a tag, or of nothing that has a name', async () => {
    const detached = (tags: string) => (args: readonly string[]) =>
      args[0] === 'symbolic-ref'
        ? Promise.resolve('')
        : args[0] === 'tag'
          ? Promise.resolve(tags)
          : git(args);
    expect(await runAs({ git: detached('v1\n') })).toMatchObject({ event: 'tag', tag: 'v1', branch: '' });
    expect(await runAs({ git: detached('') })).toMatchObject({ event: 'push', tag: '', branch: '' });
  });

  test('the command line says what it is, and the default branch is taken for a protected one', async () => {
    const pullRequest = { number: 7, fork: true };
    expect(await runAs({ overrides: { branch: 'main' } })).toMatchObject({
      ...{ event: 'push', branch: 'main', scope: 'group/sub/app protected' },
    });
    expect(await runAs({ overrides: { branch: 'x' } })).toMatchObject({ scope: 'group/sub/app unprotected' });
    expect(await runAs({ overrides: { tag: 'v2' } })).toMatchObject({ event: 'tag', tag: 'v2' });
    expect(await runAs({ overrides: { pullRequest } })).toMatchObject({
      ...{ event: 'pull-request', change: { ...change, fork: true }, writes: false },
      scope: 'group/sub/app unprotected',
    });
  });
});

describe('with the variables of a job', () => {
  const push = ['CI_PIPELINE_SOURCE=push', 'CI_COMMIT_BRANCH=release', 'CI_DEFAULT_BRANCH=trunk'];
  const mergeRequest = [
    ...['CI_PIPELINE_SOURCE=merge_request_event', 'CI_MERGE_REQUEST_IID=7', 'CI_MERGE_REQUEST_PROJECT_ID=1'],
    ...['CI_MERGE_REQUEST_SOURCE_BRANCH_NAME=topic', 'CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main'],
  ];

  test('a fork of a repository elsewhere stays one, whatever the command line says', async () => {
    const lines = ['CI_EXTERNAL_PULL_REQUEST_IID=3', 'CI_EXTERNAL_PULL_REQUEST_SOURCE_REPOSITORY=they/app'];
    expect(await runAs({ lines, overrides: { branch: 'main' } })).toMatchObject({
      ...{ change: { fork: true }, writes: false },
    });
  });

  test.each<[string, readonly string[], object]>([
    [
      'a push to a protected branch, whose commit is another',
      [...push, 'CI_COMMIT_REF_PROTECTED=true', `CI_COMMIT_SHA=${'b'.repeat(40)}`],
      { ...common, event: 'push', branch: 'release', scope: 'group/sub/app protected' },
    ],
    [
      'a push, of another project, with returns at the ends of lines',
      [...push, 'CI_PROJECT_PATH=a=b/c', ''].map((line) => `${line}\r`),
      { event: 'push', scope: 'a=b/c unprotected' },
    ],
    ['a tag', ['CI_PIPELINE_SOURCE=push', 'CI_COMMIT_TAG=v3'], { event: 'tag', tag: 'v3', branch: '' }],
    ['a schedule', [...push.slice(1), 'CI_PIPELINE_SOURCE=schedule'], { event: 'schedule' }],
    [
      'a child pipeline',
      [...push.slice(1), 'CI_PIPELINE_SOURCE=parent_pipeline', 'LOCKSTEP_PIPELINE_SOURCE=schedule'],
      { event: 'schedule' },
    ],
    [
      'a merge request',
      [...mergeRequest, 'CI_MERGE_REQUEST_SOURCE_PROJECT_ID=1'],
      { event: 'pull-request', change, writes: true },
    ],
    [
      'a merge request of a fork',
      [...mergeRequest, 'CI_MERGE_REQUEST_SOURCE_PROJECT_ID=2'],
      { event: 'pull-request', change: { ...change, fork: true }, writes: false },
    ],
    [
      'the same variable twice, with one value',
      [...push, 'CI_COMMIT_MESSAGE=about', 'CI_COMMIT_BRANCH=release'],
      { branch: 'release' },
    ],
  ])('%s', async (_, lines, expected) => {
    expect(await runAs({ lines })).toMatchObject(expected);
  });

  test('no token, no address and nothing of the machine is taken', async () => {
    const lines = [
      ...push,
      ...['CI_JOB_TOKEN=glcbt-x', 'CI_API_V4_URL=https://gitlab.example/api/v4', 'CI_PROJECT_ID=5'],
      ...['LOCKSTEP_RECORD_PUBLIC_KEY=p', 'LOCKSTEP_GITLAB_CACHE=.lockstep/cache', 'CI_REGISTRY_PASSWORD=x'],
      ...['PATH=/bin', 'DOCKER_HOST=tcp://docker:2376', 'CI_PROJECT_DIR=/builds/x', 'GITLAB_CI=false'],
    ];
    const told = await pretend({ lines });
    expect(told).toEqual({
      ok: true,
      value: {
        ...{ GITLAB_CI: 'true', CI_PROJECT_PATH: 'group/sub/app' },
        ...{ CI_PIPELINE_SOURCE: 'push', CI_COMMIT_BRANCH: 'release', CI_DEFAULT_BRANCH: 'trunk' },
      },
    });
  });

  test.each<[string, readonly string[], string | null, string]>([
    [
      'a line of a message that contradicts',
      [...push, 'CI_COMMIT_BRANCH=main'],
      null,
      'says twice what CI_COMMIT_BRANCH is',
    ],
    ['another platform’s file', ['{"ref": "refs/heads/main"}'], null, 'has no variables of a job'],
    ['nothing', [], null, 'has no variables of a job'],
    ['a name before it', push, 'push', 'push= stands before the file'],
  ])('%s is refused', async (_, lines, name, message) => {
    const told = await pretend({ lines, name });
    if (told.ok) throw new Error('passed');
    expect(told.failure).toMatchObject({ kind: 'usage', code: 'event-unreadable' });
    expect(told.failure.message).toContain(message);
    expect(told.failure.hint).toContain('env > FILE');
  });

  test.each([
    ['is not there', '/nowhere/job.env', 'cannot be read (ENOENT)'],
    ['is a folder', tmpdir(), 'is no file'],
    ['never ends', '/dev/zero', 'is no file'],
  ])('a file that %s is refused', async (_, path, message) => {
    const told = await gitlabProvider.pretend?.({ event: { file: path, name: null }, overrides: {}, git });
    expect(told).toMatchObject({ failure: { code: 'event-unreadable' } });
    expect(JSON.stringify(told)).toContain(message);
  });
});
