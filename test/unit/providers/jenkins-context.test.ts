// Facts of builds of Jenkins' against those of a laptop on the same commit.
import { describe, expect, test } from 'vitest';
import { jenkinsContext } from '../../../providers/jenkins/context.ts';
import { localContext } from '../../../providers/local/context.ts';
import type { ContextRequest, Environment, EventOverrides } from '../../../src/contract/provider.ts';
import { checkoutOf, facts, gitOf, sha } from './checkout-answers.ts';

const all = [
  ...facts.map((name) => `git.${name}`),
  'event.name',
  ...['number', 'source', 'target', 'fork'].map((name) => `event.pull-request.${name}`),
];

const build: Environment = {
  JENKINS_URL: 'https://ci.example/',
  ...{ BUILD_TAG: 'jenkins-web-main-17', BUILD_NUMBER: '17', BUILD_URL: 'https://ci.example/job/web/17/' },
};
const branch: Environment = {
  ...build,
  JOB_NAME: 'web/main',
  BRANCH_NAME: 'main',
  BRANCH_IS_PRIMARY: 'true',
};
const topic: Environment = { ...build, JOB_NAME: 'web/fix%2Fa', BRANCH_NAME: 'fix/a' };
const tag: Environment = { ...build, JOB_NAME: 'web/v1', BRANCH_NAME: 'v1', TAG_NAME: 'v1' };
const change: Environment = {
  ...{ ...build, JOB_NAME: 'web/PR-7', BRANCH_NAME: 'PR-7', CHANGE_ID: '7' },
  ...{ CHANGE_BRANCH: 'topic', CHANGE_TARGET: 'next' },
};
const fork: Environment = { ...change, CHANGE_FORK: 'someone' };

/** What git answers in a checkout of Jenkins': detached, and nobody told it of the remote's HEAD. */
const detached: Record<string, string> = {
  ...checkoutOf('', 'https://example.com/org/app.git'),
  'symbolic-ref --short -q HEAD': '',
  'symbolic-ref --short -q refs/remotes/origin/HEAD': '',
  'rev-parse --verify -q refs/remotes/origin/main': `${sha}\n`,
};
const laptop = checkoutOf('main', 'git@example.com:org/app.git');

interface Given {
  readonly answers?: Readonly<Record<string, string>>;
  readonly overrides?: EventOverrides;
  readonly wanted?: readonly string[];
}

async function told(
  environment: Environment,
  { answers = detached, overrides = {}, wanted = all }: Given = {},
) {
  const request: ContextRequest = {
    ...{ environment, git: gitOf(answers).git, overrides, runId: 'r1', wanted: new Set(wanted) },
  };
  const context = await (environment.JENKINS_URL === undefined ? localContext : jenkinsContext)(request);
  if (!context.ok) throw new Error(context.failure.message);
  return context.value;
}
const onLaptop = (overrides: EventOverrides) => told({}, { answers: laptop, overrides });

describe('the facts are those of a laptop on the same commit that is told the event', () => {
  test.each<[string, Environment, EventOverrides]>([
    ['the primary branch', branch, { branch: 'main' }],
    ['another branch', topic, { branch: 'fix/a' }],
    ['a tag', tag, { tag: 'v1' }],
    [
      'a change into the default branch',
      { ...change, CHANGE_TARGET: 'main' },
      { branch: 'topic', pullRequest: { number: 7, fork: false } },
    ],
    [
      'one of a fork',
      { ...fork, CHANGE_TARGET: 'main' },
      { branch: 'topic', pullRequest: { number: 7, fork: true } },
    ],
    ['a plain job', { ...build, JOB_NAME: 'web', GIT_BRANCH: 'origin/fix/a' }, { branch: 'fix/a' }],
    ['one by a whole ref', { ...build, GIT_BRANCH: 'refs/remotes/origin/x' }, { branch: 'x' }],
    ['one by a local ref', { ...build, GIT_BRANCH: 'refs/heads/x' }, { branch: 'x' }],
    ['one of a tag', { ...build, GIT_BRANCH: 'refs/tags/v1' }, { tag: 'v1' }],
  ])('%s', async (_, environment, overrides) => {
    const [here, there] = [await told(environment), await onLaptop(overrides)];
    expect([here.git, here.event]).toEqual([there.git, there.event]);
  });
});

test('a change has the target that Jenkins says; a fork is one whatever the command line says', async () => {
  const event = { number: 7, source: 'topic', target: 'next', fork: false };
  expect((await told(change)).event['pull-request']).toEqual(event);
  for (const overrides of [{ branch: 'main' }, { tag: 'v9' }, { pullRequest: { number: 7, fork: false } }])
    expect((await told(fork, { overrides })).event['pull-request']).toMatchObject({ fork: true });
  // A source of branches that does not say the name or a number.
  expect((await told({ ...change, CHANGE_BRANCH: '', CHANGE_ID: 'x7' })).event['pull-request']).toEqual({
    ...{ ...event, number: 0, source: 'PR-7' },
  });
  expect((await told({ ...branch, CHANGE_FORK: 'someone' })).event['pull-request']).toMatchObject({
    fork: true,
  });
  expect((await told({ ...branch, CHANGE_ID: '', CHANGE_FORK: '' })).event['pull-request']).toBe(null);
});

describe('a plain job whose branch Jenkins does not say', () => {
  const plain = { ...build, JOB_NAME: 'web' };

  test('git says what is checked out, and a tag makes it an event of one', async () => {
    const onBranch = { ...detached, 'symbolic-ref --short -q HEAD': 'dev\n' };
    expect((await told(plain, { answers: onBranch })).git).toMatchObject({ branch: 'dev', tag: '' });
    for (const GIT_BRANCH of ['', 'detached']) {
      const { git, event } = await told(
        { ...plain, GIT_BRANCH },
        { answers: { ...detached, 'tag --points-at HEAD': 'v2\n' } },
      );
      expect([git.tag, git.ref, event.name]).toEqual(['v2', 'refs/tags/v2', 'tag']);
    }
    expect((await told(plain)).git).toMatchObject({ branch: '', tag: '', ref: '' });
  });

  test('also where the pipeline reads nothing but the name of the event', async () => {
    const answers = { ...detached, 'tag --points-at HEAD': 'v2\n' };
    expect((await told(plain, { answers, wanted: ['event.name'] })).event.name).toBe('tag');
  });
});

describe('what started it', () => {
  test.each([
    ['', 'push'],
    ['jenkins.branch.BranchEventCause', 'push'],
    ['jenkins.branch.BranchIndexingCause', 'push'],
    ['hudson.triggers.SCMTrigger$SCMTriggerCause', 'push'],
    ['hudson.triggers.TimerTrigger$TimerTriggerCause', 'schedule'],
    ['org.jenkinsci.plugins.parameterizedscheduler.ParameterizedTimerTriggerCause', 'schedule'],
    ['hudson.model.Cause$UserIdCause', 'manual'],
    ['hudson.model.Cause$UserIdCause org.jenkinsci.plugins.workflow.cps.replay.ReplayCause', 'manual'],
    ['hudson.model.Cause$UpstreamCause', 'manual'],
    ['hudson.model.Cause$RemoteCause', 'manual'],
  ])('%j is %s', async (cause, name) => {
    const causes = { LOCKSTEP_JENKINS_CAUSE: cause };
    expect((await told({ ...branch, ...causes })).event.name).toBe(name);
    expect((await told({ ...tag, ...causes })).event.name).toBe('tag');
    expect((await told({ ...change, ...causes })).event.name).toBe('pull-request');
  });

  test('as the plugin EnvInject says it to a plain job', async () => {
    const name = async (BUILD_CAUSE: string) => (await told({ ...branch, BUILD_CAUSE })).event.name;
    expect([await name('TIMERTRIGGER'), await name('MANUALTRIGGER'), await name('SCMTRIGGER')]).toEqual([
      ...['schedule', 'manual', 'push'],
    ]);
  });

  test('and nothing else: whose change it is, no cause changes', async () => {
    const causes = { LOCKSTEP_JENKINS_CAUSE: 'hudson.model.Cause$UserIdCause' };
    expect((await told({ ...fork, ...causes })).event['pull-request']).toMatchObject({ fork: true });
  });
});

test('the default branch: as somebody says it, else the primary one, else as git knows it', async () => {
  const name = async (environment: Environment, answers = detached): Promise<string> =>
    (await told(environment, { answers })).git['default-branch'];
  expect(await name({ ...branch, BRANCH_NAME: 'trunk' })).toBe('trunk');
  expect(await name({ ...branch, LOCKSTEP_DEFAULT_BRANCH: 'dev' })).toBe('dev');
  expect(await name(topic)).toBe('main');
  expect(await name(topic, { ...detached, 'rev-parse --verify -q refs/remotes/origin/main': '' })).toBe('');
});

test('the run', async () => {
  expect((await told(branch)).run).toEqual({
    ...{ id: 'jenkins-web-main-17', number: 17, url: 'https://ci.example/job/web/17/', attempt: 1 },
  });
  expect((await told({ JENKINS_URL: 'x', BUILD_URL: 'job/web/17/', BUILD_NUMBER: '-1' })).run).toEqual({
    ...{ id: 'r1', number: 0, url: '', attempt: 1 },
  });
});

test('the commit is the one that is checked out; without git, the one that Jenkins says', async () => {
  expect((await told({ ...branch, GIT_COMMIT: 'f'.repeat(40) })).git.sha).toBe(sha);
  expect((await told({ ...branch, GIT_COMMIT: 'f'.repeat(40) }, { answers: {} })).git).toMatchObject({
    ...{ sha: 'f'.repeat(40), branch: 'main', repository: '' },
  });
});
