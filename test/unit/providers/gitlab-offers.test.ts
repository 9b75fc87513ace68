import { describe, expect, test } from 'vitest';
import { gitlabProvider } from '../../../providers/gitlab/provider.ts';
import { detectProvider } from '../../../providers/registry.ts';
import type { Environment, Offers } from '../../../src/contract/provider.ts';
import { context } from '../../rig/in-process.ts';

const packages: Environment = {
  CI_JOB_TOKEN: 'glcbt-64_secret',
  CI_API_V4_URL: 'https://gitlab.example/api/v4',
  CI_PROJECT_ID: '5',
  LOCKSTEP_RECORD_PUBLIC_KEY: 'public',
};

function offersIn(environment: Environment): Offers {
  const offers = gitlabProvider.offers?.(environment, context);
  if (!offers) throw new Error('no offers');
  return offers;
}

test.each([
  [{ GITLAB_CI: 'true' }, 'gitlab'],
  [{ GITLAB_CI: 'false' }, 'local'],
  [{ GITLAB_CI: '' }, 'local'],
  [{ GITLAB_CI: 'TRUE' }, 'local'],
  [{ CI: 'true', CI_PROJECT_PATH: 'a/b' }, 'local'],
  [{ GITLAB_CI: 'false', GITHUB_ACTIONS: 'true' }, 'github'],
])('%j is %s', (environment, name) => {
  expect(detectProvider(environment).name).toBe(name);
});

test('what is always there', () => {
  const { platform, secrets, artifacts, logs, cancelMs } = offersIn({});
  expect([platform, secrets.is, artifacts.is, logs().nests]).toEqual(['GitLab CI', 'there', 'there', true]);
  expect(cancelMs).toBe(6000);
});

describe('records', () => {
  test('are there with a token, an address and the key to check them with', () => {
    expect(offersIn(packages).cache.is).toBe('there');
  });

  test.each(Object.keys(packages))('are not without %s, and it says so', (name) => {
    for (const value of [undefined, ''])
      expect(offersIn({ ...packages, [name]: value }).cache).toEqual({
        is: 'absent',
        because: `the variable ${name} is not set`,
      });
  });
});

test.each([
  [undefined, undefined],
  ['', undefined],
  ['.lockstep/cache', '.lockstep/cache'],
  ['/builds/a/b/.lockstep/cache', '/builds/a/b/.lockstep/cache'],
])('LOCKSTEP_GITLAB_CACHE=%s: the folder that is kept is %s', (folder, kept) => {
  const offers = offersIn({ LOCKSTEP_GITLAB_CACHE: folder });
  expect(offers.cacheFolder).toBe(kept);
  expect(offers.cache.is).toBe('absent');
});

test.each([
  [undefined, 4 << 20],
  ['', 4 << 20],
  ['16MiB', 16 << 20],
  [' 512k ', 512 << 10],
  ['much', 4 << 20],
  ['10', 4 << 20],
])('LOCKSTEP_LOG_LIMIT=%s: %d bytes of log', (limit, bytes) => {
  expect(offersIn({ LOCKSTEP_LOG_LIMIT: limit }).logBytes).toBe(bytes);
});

test('what is a secret though nobody declared it; of a variable of type file the value is a mere path', () => {
  const environment: Environment = {
    ...{
      CI_JOB_TOKEN: 'a',
      CI_REGISTRY_PASSWORD: 'b',
      CI_DEPENDENCY_PROXY_PASSWORD: 'c',
      CI_DEPLOY_PASSWORD: '',
    },
    ...{ CI_JOB_ID: '5', CI_PROJECT_DIR: '/builds/a/b' },
  };
  const named = (environment: Environment) =>
    Object.fromEntries(offersIn(environment).credentials.map(({ name, value }) => [name, value]));
  const found = { CI_JOB_TOKEN: 'a', CI_REGISTRY_PASSWORD: 'b', CI_DEPENDENCY_PROXY_PASSWORD: 'c' };
  expect(named({ ...environment, LOCKSTEP_RECORD_KEY: 'd' })).toEqual({ ...found, LOCKSTEP_RECORD_KEY: 'd' });
  expect(named({ ...environment, LOCKSTEP_RECORD_KEY: '/builds/a/b.tmp/LOCKSTEP_RECORD_KEY' })).toEqual(
    found,
  );
});
