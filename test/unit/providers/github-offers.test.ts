import { describe, expect, test } from 'vitest';
import { findServices } from '../../../providers/github/offers.ts';
import { githubTrust } from '../../../providers/github/trust.ts';
import { detectProvider } from '../../../providers/registry.ts';
import type { Environment } from '../../../src/contract/provider.ts';
import type { CiContext, EventFacts } from '../../../src/model/ci-context.ts';

const services = { ACTIONS_RUNTIME_TOKEN: 'x', ACTIONS_RESULTS_URL: 'https://results.example/' };
const github: Environment = {
  GITHUB_ACTIONS: 'true',
  GITHUB_SERVER_URL: 'https://github.com',
  ACTIONS_CACHE_SERVICE_V2: 'True',
  ...services,
};
const v1 = { ACTIONS_CACHE_URL: 'http://127.0.0.1:4000/' };

describe('detect', () => {
  test.each([
    [{ GITHUB_ACTIONS: 'true' }, 'github'],
    [{ GITEA_ACTIONS: 'true' }, 'github'],
    [{ FORGEJO_ACTIONS: 'true' }, 'github'],
    [{ GITHUB_ACTIONS: '' }, 'local'],
    [{ GITHUB_ACTIONS: 'false' }, 'local'],
    [{ ACT: 'true' }, 'local'],
    [{ GITHUB_SERVER_URL: 'https://github.com', CI: 'true' }, 'local'],
  ])('%j is %s', (environment, name) => {
    expect(detectProvider(environment).name).toBe(name);
  });
});

describe('what the platform gives', () => {
  test.each<[string, Environment, string, string]>([
    ['GitHub Actions', github, 'v2', 'there'],
    ['GitHub Actions', { ...github, GITHUB_SERVER_URL: 'https://acme.ghe.com' }, 'v2', 'there'],
    ['GitHub Actions', { ...github, GITHUB_SERVER_URL: '' }, 'v2', 'there'],
    ['GitHub Actions', { ...github, ACTIONS_CACHE_SERVICE_V2: '', ...v1 }, 'v1', 'there'],
    [
      'GitHub Actions',
      { ...github, ACTIONS_CACHE_SERVICE_V2: '' },
      'GitHub Actions names no cache service here',
      'there',
    ],
    [
      'GitHub Actions',
      { ...github, ACTIONS_CACHE_MODE: ' None ' },
      'the cache-mode of this job is none',
      'there',
    ],
    ['act', { ...github, ...v1, ACT: 'true' }, 'v1', 'there'],
    ['act', { ...github, ACT: 'true' }, 'act names no cache service here', 'there'],
    [
      'GitHub Enterprise Server',
      { ...github, ...v1, GITHUB_SERVER_URL: 'https://github.example.com' },
      'v1',
      "GitHub Enterprise Server has no artifacts that GitHub's client can write",
    ],
    [
      'GitHub Enterprise Server',
      { ...github, GITHUB_SERVER_URL: 'no address' },
      'GitHub Enterprise Server names no cache service here',
      "GitHub Enterprise Server has no artifacts that GitHub's client can write",
    ],
    [
      'Gitea',
      { ...github, ...v1, GITEA_ACTIONS: 'true', ACT: 'true', GITHUB_SERVER_URL: 'http://git.example:3000' },
      'v1',
      "Gitea has no artifacts that GitHub's client can write",
    ],
    [
      'Forgejo',
      { ...github, FORGEJO_ACTIONS: 'true', GITEA_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://git.example' },
      'Forgejo names no cache service here',
      "Forgejo has no artifacts that GitHub's client can write",
    ],
  ])('%s with %j: cache %s, artifacts %s', (platform, environment, cache, artifacts) => {
    const found = findServices(environment);
    expect(found.platform).toBe(platform);
    expect(found.cache.is === 'there' ? found.cache.version : found.cache.because).toBe(cache);
    expect(found.artifacts.is === 'there' ? 'there' : found.artifacts.because).toBe(artifacts);
  });

  test('a script gets no token, and so no service', () => {
    const without = { ...github, ACTIONS_RUNTIME_TOKEN: '' };
    const because = 'there is no ACTIONS_RUNTIME_TOKEN: an action is given one, a script of `run:` is not';
    expect(findServices(without)).toMatchObject({ cache: { because }, artifacts: { because } });
    const inAct = 'act was started without an artifact server, so there is no token';
    expect(findServices({ ...without, ACT: 'true' })).toMatchObject({ cache: { because: inAct } });
  });
});

describe('trust', () => {
  const run = { id: '1', number: 1, url: '', attempt: 1 };
  const contextOf = (pullRequest: EventFacts['pull-request'], ref = ''): CiContext => ({
    git: {
      sha: '',
      'short-sha': '',
      branch: '',
      tag: '',
      ref,
      'default-branch': '',
      repository: '',
      timestamp: 0,
      dirty: false,
    },
    event: { name: pullRequest ? 'pull-request' : 'push', 'pull-request': pullRequest },
    run,
  });
  const change = { number: 7, source: 'topic', target: 'main', fork: false };

  test('the scope is the ref that GitHub keeps its caches by', () => {
    const scopeOf = (ref: string, context: CiContext) =>
      githubTrust({ GITHUB_REF: ref, GITHUB_REPOSITORY: 'o/r' }, context).scope;
    expect(scopeOf('refs/heads/a/b', contextOf(null))).toBe('o/r refs/heads/a/b');
    expect(scopeOf('refs/pull/7/merge', contextOf(change))).toBe('o/r refs/pull/7/merge');
    expect(scopeOf('refs/pull/7/merge', contextOf(null))).toBe('o/r refs/pull/7/merge');
    expect(scopeOf('refs/heads/main', contextOf(change))).toBe('o/r refs/pull/7/merge');
    expect(scopeOf('', contextOf(null, 'refs/tags/v1'))).toBe('o/r refs/tags/v1');
  });

  test('read are the base branch and the default branch, never what is trusted less', () => {
    const readBy = (ref: string, context: CiContext, main = 'main') =>
      githubTrust(
        { GITHUB_REF: ref, GITHUB_REPOSITORY: 'o/r' },
        { ...context, git: { ...context.git, 'default-branch': main } },
      ).reads;
    const [main, dev] = ['o/r refs/heads/main', 'o/r refs/heads/dev'];
    expect(readBy('refs/heads/main', contextOf(null))).toEqual([]);
    expect(readBy('refs/heads/topic', contextOf(null))).toEqual([main]);
    expect(readBy('refs/tags/v1', contextOf(null))).toEqual([main]);
    expect(readBy('refs/heads/topic', contextOf(null), '')).toEqual([]);
    expect(readBy('refs/pull/7/merge', contextOf(change))).toEqual([main]);
    expect(readBy('refs/pull/7/merge', contextOf({ ...change, target: 'dev' }))).toEqual([dev, main]);
    expect(readBy('refs/heads/main', contextOf({ ...change, fork: true }))).toEqual([main]);
  });

  test('a fork leaves nothing, nor does what anybody can start on the default branch', () => {
    const writes = (name: string, context: CiContext) =>
      githubTrust({ GITHUB_REF: 'refs/heads/main', GITHUB_EVENT_NAME: name }, context).writes;
    expect(writes('push', contextOf(null))).toBe(true);
    expect(writes('pull_request', contextOf(change))).toBe(true);
    expect(writes('workflow_run', contextOf(change))).toBe(false);
    // A push to any branch may be what it follows, and it runs as the default branch.
    expect(writes('workflow_run', contextOf(null))).toBe(false);
    expect(writes('pull_request', contextOf({ ...change, fork: true }))).toBe(false);
    expect(writes('pull_request_target', contextOf(change))).toBe(false);
    expect(writes('issue_comment', contextOf(null))).toBe(false);
    expect(writes('check_suite', contextOf(null))).toBe(false);
    expect(writes('schedule', contextOf(null))).toBe(true);
  });
});
