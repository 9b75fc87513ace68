// What a dry run takes for the environment of a build of Jenkins', and that facts and trust come out of it as of a real one.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { jenkinsProvider } from '../../../providers/jenkins/provider.ts';
import type { EventOverrides } from '../../../src/contract/provider.ts';
import { checkoutOf, gitOf } from './checkout-answers.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-pretend-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

interface Given {
  /** Lines of the event file. */
  readonly lines?: readonly string[];
  readonly name?: string;
  readonly overrides?: EventOverrides;
  readonly answers?: Readonly<Record<string, string>>;
}

const onTopic = {
  ...checkoutOf('topic', 'git@example.com:org/app.git'),
  'symbolic-ref --short -q refs/remotes/origin/HEAD': 'origin/main\n',
};

async function pretend({ lines, name, overrides = {}, answers = onTopic }: Given) {
  const file = join(folder, 'build.env');
  if (lines !== undefined) writeFileSync(file, lines.join('\n'));
  const event = lines === undefined ? null : { file, name: name ?? null };
  const told = await jenkinsProvider.pretend?.({ event, overrides, git: gitOf(answers).git });
  if (told === undefined) throw new Error('no dry runs');
  return told;
}

async function runAs(given: Given) {
  const told = await pretend(given);
  if (!told.ok) throw new Error(told.failure.message);
  const environment = told.value;
  expect(jenkinsProvider.detect(environment)).toBe(true);
  const { git } = gitOf(given.answers ?? onTopic);
  const wanted = new Set(['git.branch', 'git.tag', 'event.name', 'event.pull-request.target']);
  const context = await jenkinsProvider.context({
    ...{ environment, git, overrides: given.overrides ?? {}, runId: 'x', wanted },
  });
  if (!context.ok) throw new Error(context.failure.message);
  const { event, git: facts } = context.value;
  const trust = jenkinsProvider.offers?.(environment, context.value).trust;
  return {
    ...{ event: event.name, change: event['pull-request'], branch: facts.branch, tag: facts.tag },
    ...{ scope: trust?.scope, reads: trust?.reads, writes: trust?.writes },
  };
}

const change = { number: 7, source: 'topic', target: 'main', fork: false };
const detached = { ...onTopic, 'symbolic-ref --short -q HEAD': '' };

test.each<[string, Given, object]>([
  [
    'a push of what is checked out',
    {},
    {
      event: 'push',
      branch: 'topic',
      tag: '',
      scope: 'org/app topic',
      reads: ['org/app main'],
      writes: true,
    },
  ],
  [
    'a tag that is checked out',
    { answers: { ...detached, 'tag --points-at HEAD': 'v1\n' } },
    { event: 'tag', branch: '', tag: 'v1', scope: 'org/app v1' },
  ],
  [
    'nothing that has a name',
    { answers: detached },
    { event: 'push', branch: '', tag: '', scope: 'org/app' },
  ],
  [
    '--branch',
    { overrides: { branch: 'main' } },
    { event: 'push', branch: 'main', scope: 'org/app main', reads: [] },
  ],
  ['--tag', { overrides: { tag: 'v2' } }, { event: 'tag', tag: 'v2', scope: 'org/app v2' }],
  [
    '--pull-request of a fork',
    { overrides: { pullRequest: { number: 7, fork: true } } },
    { event: 'pull-request', change: { ...change, fork: true }, scope: 'org/app PR-7', writes: false },
  ],
  [
    'the variables of a branch',
    {
      lines: ['JOB_NAME=team/web/release', 'BRANCH_NAME=release', 'BRANCH_IS_PRIMARY=true', 'PATH=/bin', ''],
    },
    { event: 'push', branch: 'release', scope: 'team/web release', reads: [] },
  ],
  [
    'of a change from a fork, whose title tells another story',
    {
      lines: [
        ...['BRANCH_NAME=PR-7', 'CHANGE_ID=7', 'CHANGE_BRANCH=topic', 'CHANGE_TARGET=main'],
        ...['CHANGE_FORK=someone', 'CHANGE_TITLE=all', ' is well'],
      ],
    },
    { event: 'pull-request', change: { ...change, fork: true }, scope: 'org/app PR-7', writes: false },
  ],
  [
    'of one that a timer started',
    { lines: ['BRANCH_NAME=main', 'LOCKSTEP_JENKINS_CAUSE=hudson.triggers.TimerTrigger$TimerTriggerCause'] },
    { event: 'schedule', branch: 'main', scope: 'org/app main' },
  ],
])('%s', async (_, given, expected) => {
  expect(await runAs(given)).toMatchObject(expected);
});

test.each<[string, Given, string]>([
  ['another file', { lines: ['{"a": 1}'] }, 'has no variables of a job'],
  ['two stories', { lines: ['CHANGE_FORK=x', 'CHANGE_FORK='] }, 'says twice what CHANGE_FORK is'],
  ['a name before it', { lines: ['BRANCH_NAME=x'], name: 'push' }, 'push= stands before the file'],
])('%s is told', async (_, given, message) => {
  const told = await pretend(given);
  expect(told.ok).toBe(false);
  if (!told.ok)
    expect([told.failure.code, told.failure.message]).toEqual([
      'event-unreadable',
      expect.stringContaining(message),
    ]);
});
