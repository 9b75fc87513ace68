// The facts of a run on the machine in front of you: what git says of the checkout, and what the command line does.
import { describe, expect, test } from 'vitest';
import { localContext } from '../../../providers/local/context.ts';
import { detectProvider } from '../../../providers/registry.ts';
import { repositoryName } from '../../../providers/shared/checkout.ts';
import type { EventOverrides } from '../../../src/contract/provider.ts';
import { checkoutOf, facts, gitOf, sha, dirtyWords } from './checkout-answers.ts';

const wanted = new Set([...facts.map((name) => `git.${name}`), 'event.name', 'event.pull-request']);

const onMain = checkoutOf('main', 'https://user:secret@example.com/org/app.git');
const detached = { ...onMain, 'symbolic-ref --short -q HEAD': '', 'tag --points-at HEAD': 'v1\n' };

async function context(answers: Record<string, string>, overrides: EventOverrides = {}, read = wanted) {
  const { git, asked } = gitOf(answers);
  const got = await localContext({ environment: {}, git, overrides, runId: 'r1', wanted: read });
  if (!got.ok) throw new Error(got.failure.message);
  return { ...got.value, asked };
}

describe('localContext', () => {
  test('a branch', async () => {
    const { git, event, run } = await context(onMain);
    expect(git).toEqual({
      sha,
      'short-sha': '0123456',
      branch: 'main',
      tag: '',
      ref: 'refs/heads/main',
      'default-branch': 'main',
      repository: 'org/app',
      timestamp: 1_700_000_000,
      dirty: false,
    });
    expect(event).toEqual({ name: 'push', 'pull-request': null });
    expect(run).toEqual({ id: 'r1', number: 0, url: '', attempt: 1 });
  });

  test('a tag counts only on a detached HEAD that exactly one tag points at', async () => {
    expect((await context(detached)).git).toMatchObject({ branch: '', tag: 'v1', ref: 'refs/tags/v1' });
    expect((await context(detached)).event.name).toBe('tag');
    expect((await context({ ...detached, 'tag --points-at HEAD': 'v1\nv2\n' })).git).toMatchObject({
      tag: '',
      ref: '',
    });
    expect((await context({ ...onMain, 'tag --points-at HEAD': 'v1\n' })).git.tag).toBe('');
  });

  test('the command line says otherwise', async () => {
    expect(await context(onMain, { tag: 'v9' })).toMatchObject({
      git: { branch: '', tag: 'v9', ref: 'refs/tags/v9' },
      event: { name: 'tag' },
    });
    expect(await context(detached, { branch: 'topic' })).toMatchObject({
      git: { branch: 'topic', tag: '', ref: 'refs/heads/topic' },
      event: { name: 'push' },
    });
    expect(await context(onMain, { branch: 'topic', pullRequest: { number: 7, fork: true } })).toMatchObject({
      git: { branch: 'topic' },
      event: {
        name: 'pull-request',
        'pull-request': { number: 7, source: 'topic', target: 'main', fork: true },
      },
    });
  });

  test('a change is seen; no repository gives empty facts', async () => {
    const changed = { ...onMain, [dirtyWords]: ' M a\n' };
    expect((await context(changed)).git.dirty).toBe(true);
    expect((await context({})).git).toEqual({
      sha: '',
      'short-sha': '',
      branch: '',
      tag: '',
      ref: '',
      'default-branch': '',
      repository: '',
      timestamp: 0,
      dirty: false,
    });
  });

  test('git is asked only for what the pipeline reads', async () => {
    expect((await context(onMain, {}, new Set())).asked).toEqual([]);
    expect((await context(onMain, {}, new Set(['git.dirty']))).asked).toEqual([dirtyWords]);
  });
});

test.each([
  ['https://example.com/org/app.git', 'org/app'],
  ['https://user:secret@example.com/group/sub/app', 'group/sub/app'],
  ['https://user:p%40ss@example.com:8443/org/app.git?private_token=secret#x', 'org/app'],
  ['https://ghp_secret@example.com/org/app', 'org/app'],
  ['https://user:se/cret@example.com/org/app', ''],
  ['git@example.com:org/app.git', 'org/app'],
  ['git:secret@example.com:org/app.git', 'org/app'],
  ['ssh://git@example.com:2222/org/app.git/', 'org/app'],
  ['/srv/git/app.git', ''],
  ['file:///srv/git/app.git', ''],
  ['../app', ''],
  ['', ''],
])('repositoryName of %s', (remote, name) => {
  expect(repositoryName(remote)).toBe(name);
});

test('where no platform is recognised it is the machine in front of you', () => {
  expect(detectProvider({ HOME: '/root' }).name).toBe('local');
});
