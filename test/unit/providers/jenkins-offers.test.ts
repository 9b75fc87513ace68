import { describe, expect, test } from 'vitest';
import { jenkinsProvider } from '../../../providers/jenkins/provider.ts';
import { detectProvider } from '../../../providers/registry.ts';
import type { Environment, Offers } from '../../../src/contract/provider.ts';
import type { CiContext, EventFacts } from '../../../src/model/ci-context.ts';
import { context } from '../../rig/in-process.ts';

function offersIn(environment: Environment, about: CiContext = context): Offers {
  const offers = jenkinsProvider.offers?.(environment, about);
  if (!offers) throw new Error('no offers');
  return offers;
}

test.each([
  [{ JENKINS_URL: 'https://ci.example/' }, 'jenkins'],
  [{ JENKINS_URL: '' }, 'local'],
  [{ JENKINS_URL: '', BUILD_TAG: 'jenkins-web-1' }, 'jenkins'],
  [{ BUILD_TAG: 'v1' }, 'local'],
  [{ JENKINS_URL: 'x', GITHUB_ACTIONS: 'true' }, 'github'],
])('%j is %s', (environment, name) => {
  expect(detectProvider(environment).name).toBe(name);
});

test('Jenkins has no service of its own for a build, and each says what to do instead', () => {
  const { platform, cancelMs, logBytes, credentials, cacheFolder, engines, ...offers } = offersIn({});
  expect([platform, cancelMs, logBytes, credentials]).toEqual(['Jenkins', 20_000, null, []]);
  expect([cacheFolder, engines]).toEqual([undefined, undefined]);
  const { secrets, cache, artifacts } = offers;
  expect([secrets, cache, artifacts]).toEqual([
    { is: 'absent', because: expect.stringContaining('--secret') as string },
    { is: 'absent', because: expect.stringContaining('--cache') as string },
    { is: 'absent', because: expect.stringContaining('archiveArtifacts') as string },
  ]);
});

test("artifacts: where Jenkins will show what the library's step archives", async () => {
  const url = async (BUILD_URL: string): Promise<unknown> => {
    const { artifacts } = offersIn({ LOCKSTEP_JENKINS_ARCHIVES: '1', BUILD_URL });
    if (artifacts.is === 'absent') throw new Error(artifacts.because);
    const artifact = { job: 'test[os=a b]', name: 'dist', folder: '/', entries: [], expireMs: 0 };
    return (await artifacts.open()).publish(artifact, new AbortController().signal);
  };
  expect(await url('https://ci.example/job/web/7/')).toEqual({
    ...{ kind: 'published', as: 'test[os=a b].dist' },
    url: 'https://ci.example/job/web/7/artifact/test%255Bos%253Da%2520b%255D/dist/',
  });
  expect(await url('')).toEqual({ kind: 'published', as: 'test[os=a b].dist' });
});

test.each([
  [{}, false],
  [{ FORCE_COLOR: '1' }, true],
  [{ FORCE_COLOR: '0' }, false],
  [{ FORCE_COLOR: '1', NO_COLOR: '1' }, false],
])('%j: colours are %s', (environment, color) => {
  expect(offersIn(environment).logs().color).toBe(color);
});

describe('trust', () => {
  const plain = { JOB_NAME: 'team x/web' };
  const multibranch = (name: string): Environment => ({
    JOB_NAME: `team x/web/${encodeURIComponent(name)}`,
    BRANCH_NAME: name,
  });
  const event = (fork: boolean): EventFacts => ({
    ...{ name: 'pull-request' },
    'pull-request': { number: 7, source: 'main', target: 'next', fork },
  });
  const about = (branch: string, more: Partial<CiContext> = {}): CiContext => ({
    ...{ ...context, ...more, git: { ...context.git, branch, 'default-branch': 'main' } },
  });

  test.each<[string, Environment, CiContext, readonly [string, readonly string[], boolean]]>([
    ['the default branch', multibranch('main'), about('main'), ['team x/web main', [], true]],
    ['a branch', multibranch('fix/a b'), about('fix/a b'), ['team x/web fix/a b', ['team x/web main'], true]],
    [
      'a change',
      { ...multibranch('PR-7'), CHANGE_ID: '7' },
      about('topic', { event: event(false) }),
      ['team x/web PR-7', ['team x/web next', 'team x/web main'], true],
    ],
    [
      'a fork, whose branch is called as ours',
      { ...multibranch('PR-7'), CHANGE_ID: '7', CHANGE_FORK: 'x' },
      about('main', { event: event(true) }),
      ['team x/web PR-7', ['team x/web next', 'team x/web main'], false],
    ],
    [
      'a plain job',
      { ...plain, GIT_BRANCH: 'origin/dev' },
      about('dev'),
      ['team x/web dev', ['team x/web main'], true],
    ],
    ['one that Jenkins says nothing of', plain, about(''), ['team x/web', ['team x/web main'], true]],
    [
      'a dry run of a change',
      plain,
      about('topic', { event: event(true) }),
      ['team x/web PR-7', ['team x/web next', 'team x/web main'], false],
    ],
    ['a job at the top', { JOB_NAME: 'main', BRANCH_NAME: 'main' }, about('main'), ['main', [], true]],
    [
      'one of two Jenkins that have the agent',
      { ...multibranch('x'), JENKINS_URL: 'https://ci.example:8443/jenkins/' },
      about('x'),
      ['ci.example:8443/jenkins/team x/web x', ['ci.example:8443/jenkins/team x/web main'], true],
    ],
    // `lockstep run --branch main`, which whoever wrote the change may have written.
    [
      'words of the command line',
      multibranch('evil'),
      about('main'),
      ['team x/web evil', ['team x/web main'], true],
    ],
  ])('%s', (_, environment, context, expected) => {
    const { scope, reads, writes } = offersIn(environment, context).trust;
    expect([scope, reads, writes]).toEqual(expected);
  });
});
