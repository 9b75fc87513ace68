// What a dry run takes for the environment of a runner, and that facts and trust come out of it as of a real one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { githubProvider } from '../../../providers/github/provider.ts';
import type { EventOverrides, PretendRequest } from '../../../src/contract/provider.ts';

let folder: string;
let file: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-pretend-'));
  file = join(folder, 'event.json');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A checkout of `topic`, its default branch `main`. */
const git = (args: readonly string[]): Promise<string | null> => {
  const words = args.join(' ');
  if (words.includes('refs/remotes/origin/HEAD')) return Promise.resolve('origin/main\n');
  if (words.startsWith('symbolic-ref')) return Promise.resolve('topic\n');
  if (words.startsWith('config')) return Promise.resolve('git@example.com:o/r.git\n');
  if (words.startsWith('log')) return Promise.resolve(`${'a'.repeat(40)} 5\n`);
  return Promise.resolve(null);
};

interface Given {
  readonly payload?: unknown;
  readonly name?: string | null;
  readonly overrides?: EventOverrides;
  readonly git?: PretendRequest['git'];
}

const pretend = ({ payload, name = null, overrides = {}, git: asked = git }: Given) => {
  if (payload !== undefined)
    writeFileSync(file, typeof payload === 'string' ? payload : JSON.stringify(payload));
  const event = payload === undefined ? null : { file, name };
  return githubProvider.pretend?.({ event, overrides, git: asked });
};

/** Facts and trust of a run that is told this. */
async function runAs(given: Given) {
  const told = await pretend(given);
  if (!told?.ok) throw new Error(told?.failure.message);
  const environment = told.value;
  expect(githubProvider.detect(environment)).toBe(true);
  const wanted = new Set(['git.branch', 'git.tag', 'event.name', 'event.pull-request.target']);
  const context = await githubProvider.context({
    ...{ environment, git: given.git ?? git, overrides: given.overrides ?? {}, runId: 'x', wanted },
  });
  if (!context.ok) throw new Error(context.failure.message);
  const offers = githubProvider.offers?.(environment, context.value);
  const { scope, reads, writes } = offers?.trust ?? {};
  const { event, git: facts } = context.value;
  return {
    ...{ event: event.name, change: event['pull-request'], branch: facts.branch, tag: facts.tag },
    trust: [scope, reads, writes],
    services: [offers?.cache.is, offers?.artifacts.is, offers?.secrets.is],
  };
}

const repository = { full_name: 'o/r', default_branch: 'main' };
const change = (fork = false) => ({
  number: 7,
  head: { ref: 'change', repo: { id: fork ? 2 : 1 } },
  base: { ref: 'dev', repo: { id: 1 } },
});
const [ownScope, dev, main] = ['o/r refs/pull/7/merge', 'o/r refs/heads/dev', 'o/r refs/heads/main'];
const none = ['absent', 'absent', 'absent'];

describe('an event file', () => {
  test.each<[string, object, string, string]>([
    ['a push', { ref: 'refs/heads/a', before: '0', after: '1' }, 'push', 'refs/heads/a'],
    ['a push of a tag', { ref: 'refs/tags/v1', before: '0', after: '1' }, 'push', 'refs/tags/v1'],
    ['a pull request', { pull_request: change() }, 'pull_request', 'refs/pull/7/merge'],
    ['a review', { pull_request: change(), review: {} }, 'pull_request_review', 'refs/pull/7/merge'],
    [
      'a comment on its diff',
      { pull_request: change(), comment: {} },
      'pull_request_review_comment',
      'refs/pull/7/merge',
    ],
    ['a merge queue', { merge_group: { head_ref: 'refs/heads/q' } }, 'merge_group', 'refs/heads/q'],
    ['a release', { release: { tag_name: 'v2' } }, 'release', 'refs/tags/v2'],
    ['a new tag', { ref: 'v3', ref_type: 'tag', master_branch: 'main' }, 'create', 'refs/tags/v3'],
    ['a new branch', { ref: 'b', ref_type: 'branch', master_branch: 'main' }, 'create', 'refs/heads/b'],
    ['a dispatch', { inputs: {}, ref: 'refs/heads/c', workflow: 'w' }, 'workflow_dispatch', 'refs/heads/c'],
    ['a dispatch from elsewhere', { client_payload: {} }, 'repository_dispatch', 'refs/heads/main'],
    ['a schedule', { schedule: '0 0 * * *' }, 'schedule', 'refs/heads/main'],
    ['a comment', { issue: {}, comment: {} }, 'issue_comment', 'refs/heads/main'],
    ['an issue', { issue: {} }, 'issues', 'refs/heads/main'],
    ['a run that follows another', { workflow_run: {} }, 'workflow_run', 'refs/heads/main'],
  ])('of %s says by itself what it is', async (_, payload, name, ref) => {
    expect(await pretend({ payload: { ...payload, repository } })).toEqual({
      ok: true,
      value: {
        ...{ GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'o/r', GITHUB_EVENT_PATH: file },
        ...{ GITHUB_EVENT_NAME: name, GITHUB_REF: ref },
      },
    });
  });

  test('whose name is given is of that', async () => {
    const payload = { pull_request: change(true), repository };
    expect(await pretend({ payload, name: 'pull_request_target' })).toMatchObject({
      value: { GITHUB_EVENT_NAME: 'pull_request_target', GITHUB_REF: 'refs/heads/dev' },
    });
    expect(await pretend({ payload: {}, name: 'page_build' })).toMatchObject({
      value: { GITHUB_EVENT_NAME: 'page_build', GITHUB_REF: 'refs/heads/main' },
    });
    expect(await pretend({ payload: {}, name: 'pull_request_target' })).toMatchObject({
      value: { GITHUB_REF: 'refs/heads/main' },
    });
  });

  test('that cannot be understood', async () => {
    const failure = (message: string) => ({
      ok: false,
      failure: {
        kind: 'usage',
        code: 'event-unreadable',
        message: expect.stringContaining(message) as string,
      },
    });
    expect(await pretend({ payload: {} })).toMatchObject(failure('does not show which event it is of'));
    for (const payload of ['', '[]', 'null', '{"a":'])
      expect(await pretend({ payload })).toMatchObject(failure('the event cannot be read'));
    expect(
      await githubProvider.pretend?.({ event: { file: folder, name: null }, overrides: {}, git }),
    ).toMatchObject(failure('is no file'));
    expect(
      await githubProvider.pretend?.({ event: { file: `${file}x`, name: 'push' }, overrides: {}, git }),
    ).toMatchObject(failure('cannot be read (ENOENT)'));
  });

  test('of a push: the names are those of the event, whatever is checked out', async () => {
    const payload = { ref: 'refs/heads/a', before: '0', after: 'b'.repeat(40), repository };
    expect(await runAs({ payload })).toEqual({
      ...{ event: 'push', change: null, branch: 'a', tag: '', services: none },
      trust: ['o/r refs/heads/a', [main], true],
    });
  });

  test('of a fork: nothing is kept', async () => {
    const facts = { event: 'pull-request', branch: 'change', tag: '', services: none };
    const told = { number: 7, source: 'change', target: 'dev' };
    expect(await runAs({ payload: { pull_request: change(true), repository } })).toEqual({
      ...{ ...facts, change: { ...told, fork: true } },
      trust: [ownScope, [dev, main], false],
    });
    expect(await runAs({ payload: { pull_request: change(), repository } })).toEqual({
      ...{ ...facts, change: { ...told, fork: false } },
      trust: [ownScope, [dev, main], true],
    });
    const target = { payload: { pull_request: change(), repository }, name: 'pull_request_target' };
    expect((await runAs(target)).trust).toEqual([ownScope, [dev, main], false]);
  });
});

describe('words of the command line', () => {
  const facts = { change: null, tag: '', services: none };
  test('none: a push of what is checked out', async () => {
    expect(await runAs({})).toEqual({
      ...{ ...facts, event: 'push', branch: 'topic', trust: ['o/r refs/heads/topic', [main], true] },
    });
    const nothing = () => Promise.resolve(null);
    expect(await runAs({ git: nothing })).toMatchObject({ event: 'push', branch: '', trust: ['', [], true] });
  });

  test.each<[EventOverrides, object]>([
    [{ branch: 'b' }, { event: 'push', branch: 'b', trust: ['o/r refs/heads/b', [main], true] }],
    [{ tag: 'v1' }, { event: 'tag', branch: '', tag: 'v1', trust: ['o/r refs/tags/v1', [main], true] }],
    [
      { pullRequest: { number: 7, fork: false } },
      { event: 'pull-request', branch: 'topic', trust: [ownScope, [main], true] },
    ],
    [
      { branch: 'b', pullRequest: { number: 7, fork: true } },
      { event: 'pull-request', branch: 'b', trust: [ownScope, [main], false] },
    ],
  ])('%j', async (overrides, expected) => {
    expect(await runAs({ overrides })).toMatchObject(expected);
  });
});
