// Whose change a run on GitHub is about: pull requests and what follows them; in doubt it is a stranger's.
import { truncateSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { githubContext } from '../../../providers/github/context.ts';
import { facts, sha } from './checkout-answers.ts';
import {
  contextOf,
  detached,
  eventFile,
  failureOf,
  folder,
  fork,
  onPullRequest,
  ours,
  pullRequest,
  requestOf,
} from './github-event.ts';

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
