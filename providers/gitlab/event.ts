// What started a pipeline, as its variables say → an event in our own words, and whether it is about a fork.
// https://docs.gitlab.com/ci/variables/predefined_variables/
import type { Environment } from '../../src/contract/provider.ts';
import type { EventName } from '../../src/model/ci-context.ts';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';
import type { PullRequest, ToldEvent } from '../shared/context.ts';
import { countIn } from '../shared/count.ts';
import { variable } from '../shared/variable.ts';

/**
 * GitLab says nothing of a merge request that is no longer open, though it was what started the pipeline: then, and where it does
 * not say what it is about at all, whose change it is would be a guess. Failure (`usage`): `event-unreadable`.
 */
export function readEvent(environment: Environment): Outcome<ToldEvent> {
  const told = (name: string): string => variable(environment, name);
  const defaultBranch = told('CI_DEFAULT_BRANCH');
  const pullRequest = mergeRequestIn(environment) ?? externalPullRequestIn(environment);
  if (pullRequest) {
    const names = { branch: pullRequest.source, tag: '' };
    return ok({ name: 'pull-request', pullRequest, names, namesOf: null, defaultBranch });
  }
  const source = told('CI_PIPELINE_SOURCE');
  const [branch, tag] = [told('CI_COMMIT_BRANCH'), told('CI_COMMIT_TAG')];
  const isNamed = branch !== '' || tag !== '';
  if (aboutChanges.has(source) || (!isNamed && source !== 'push')) return unreadable(source);
  return ok({
    name: nameOf(source, tag !== '', told('LOCKSTEP_PIPELINE_SOURCE')),
    pullRequest: null,
    names: !isNamed ? null : tag === '' ? { branch, tag: '' } : { branch: '', tag },
    namesOf: tag === '' ? told('CI_COMMIT_SHA') : null,
    defaultBranch,
  });
}

const aboutChanges: ReadonlySet<string> = new Set(['merge_request_event', 'external_pull_request_event']);

/**
 * A child pipeline says what started its parent only where that passed it on, as the one that Lockstep makes does. Anybody may write
 * that variable, so nothing about trust follows from it.
 */
function nameOf(source: string, isTag: boolean, passedOn: string): EventName {
  switch (source) {
    case '':
    case 'push':
      return isTag ? 'tag' : 'push';
    case 'schedule':
      return 'schedule';
    case 'parent_pipeline':
      return nameOf(passedOn === source ? '' : passedOn, isTag, '');
    default:
      return 'manual';
  }
}

export const ofMergeRequest = (name: string): string => `CI_MERGE_REQUEST_${name}`;
/** Of a repository elsewhere that GitLab only runs pipelines for. */
export const ofExternal = (name: string): string => `CI_EXTERNAL_PULL_REQUEST_${name}`;

/** Merged results and merge trains too, and child pipelines of them, whose source is `parent_pipeline`. */
const mergeRequestIn = (environment: Environment): PullRequest | null =>
  pullRequestIn(
    (name) => variable(environment, ofMergeRequest(name)),
    (told) =>
      isSame(told('SOURCE_PROJECT_ID'), told('PROJECT_ID')) ??
      isSame(told('SOURCE_PROJECT_PATH'), told('PROJECT_PATH')),
  );

const externalPullRequestIn = (environment: Environment): PullRequest | null =>
  pullRequestIn(
    (name) => variable(environment, ofExternal(name)),
    (told) => isSame(told('SOURCE_REPOSITORY'), told('TARGET_REPOSITORY')),
  );

type Told = (name: string) => string;

/** `isOwn`: null where GitLab does not say it, and then it counts as a fork's. */
function pullRequestIn(told: Told, isOwn: (told: Told) => boolean | null): PullRequest | null {
  if (told('IID') === '') return null;
  return {
    number: countIn(Number(told('IID'))),
    source: told('SOURCE_BRANCH_NAME'),
    target: told('TARGET_BRANCH_NAME'),
    fork: isOwn(told) !== true,
  };
}

/** Null where one is not said, as with a fork that is gone. */
const isSame = (one: string, other: string): boolean | null =>
  one === '' || other === '' ? null : one.toLowerCase() === other.toLowerCase();

const unreadable = (source: string): Outcome<never> =>
  fail(
    'usage',
    'event-unreadable',
    source === ''
      ? 'CI_PIPELINE_SOURCE is not set, so nobody says what started this run'
      : `the pipeline (${source}) is of no branch, tag or open merge request that GitLab names, so nobody says whose change it runs`,
    {
      hint: 'pass on the CI_… variables of the job; of a merge request that is closed, run the pipeline of its branch',
    },
  );
