import { expect, test } from 'vitest';
import { gitlabTrust } from '../../../providers/gitlab/trust.ts';
import type { Environment } from '../../../src/contract/provider.ts';
import type { CiContext, EventFacts } from '../../../src/model/ci-context.ts';
import { context } from '../../rig/in-process.ts';

const ours: EventFacts = {
  name: 'pull-request',
  'pull-request': { number: 7, source: 'topic', target: 'main', fork: false },
};
const foreign: EventFacts = {
  name: 'pull-request',
  'pull-request': { number: 7, source: 'main', target: 'main', fork: true },
};
const about = (branch: string, tag = '', event: EventFacts = context.event): CiContext => ({
  ...context,
  git: { ...context.git, branch, tag },
  event,
});

const trusted = ['protected', [], true];
const usual = ['unprotected', ['protected'], true];
const outside = ['unprotected', ['protected'], false];

test.each<[string, string | undefined, CiContext, unknown[]]>([
  ['a protected branch', 'true', about('release'), trusted],
  ['a protected tag', 'true', about('', 'v1'), trusted],
  ['a branch', 'false', about('topic'), usual],
  ['the default branch, were it not protected', 'false', about('main'), usual],
  ['a variable that says neither', 'True', about('main'), usual],
  ['a merge request', 'false', about('topic', '', ours), usual],
  ['a merge request between protected branches', 'true', about('topic', '', ours), trusted],
  ['a fork', 'false', about('main', '', foreign), outside],
  ['a fork whose pipeline says that it is protected', 'true', about('main', '', foreign), outside],
  ['a dry run on the default branch', undefined, about('main'), trusted],
  ['a dry run on another', undefined, about('topic'), usual],
  ['a dry run of a tag', '', about('', 'v1'), usual],
  ['a dry run of a merge request of a branch named so', undefined, about('main', '', ours), usual],
  ['a dry run of a fork', undefined, about('main', '', foreign), outside],
  ['a dry run where nobody knows the branch', undefined, about(''), usual],
])('%s', (_, CI_COMMIT_REF_PROTECTED, facts, [scope, reads, writes]) => {
  const environment: Environment = { CI_PROJECT_PATH: 'group/app', CI_COMMIT_REF_PROTECTED };
  expect(gitlabTrust(environment, facts)).toEqual({
    scope: `group/app ${String(scope)}`,
    reads: (reads as string[]).map((name) => `group/app ${name}`),
    writes,
  });
});

test('no branch is the default one where nobody says which that is', () => {
  const facts = { ...context, git: { ...context.git, branch: '', 'default-branch': '' } };
  expect(gitlabTrust({}, facts).scope).toBe('unprotected');
});

test('projects of one path on two servers share nothing on a machine that works for both', () => {
  const scopeOn = (CI_SERVER_HOST: string) =>
    gitlabTrust({ CI_SERVER_HOST, CI_PROJECT_PATH: 'a/b', CI_COMMIT_REF_PROTECTED: 'true' }, about('main'))
      .scope;
  expect(['one.example', 'two.example'].map(scopeOn)).toEqual([
    'one.example/a/b protected',
    'two.example/a/b protected',
  ]);
});
