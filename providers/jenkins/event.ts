// What started a build, as its variables say → an event in our own words, and whether it is about a fork.
//
// Variables of branches, tags and changes are those of multibranch projects, whichever branch source they have:
// https://github.com/jenkinsci/branch-api-plugin/blob/master/src/main/java/jenkins/branch/BranchNameContributor.java
import type { Environment } from '../../src/contract/provider.ts';
import type { EventName } from '../../src/model/ci-context.ts';
import type { RefNames } from '../shared/checkout.ts';
import type { PullRequest, ToldEvent } from '../shared/context.ts';
import { countIn } from '../shared/count.ts';
import { variable } from '../shared/variable.ts';

/** `names` are null where only git knows what is checked out. */
export function readEvent(environment: Environment): ToldEvent {
  const told = (name: string): string => variable(environment, name);
  const pullRequest = changeIn(environment);
  const names = pullRequest ? { branch: pullRequest.source, tag: '' } : namesIn(environment);
  return {
    ...{ name: nameOf(environment, pullRequest, names), pullRequest, names, namesOf: null },
    // Some sources call more than one branch primary.
    defaultBranch:
      told('LOCKSTEP_DEFAULT_BRANCH') || (told('BRANCH_IS_PRIMARY') === 'true' ? told('BRANCH_NAME') : ''),
  };
}

/** What a cause of a build is called by Jenkins decides no more than this name. */
export function nameOf(
  environment: Environment,
  pullRequest: PullRequest | null,
  names: RefNames | null,
): EventName {
  if (pullRequest) return 'pull-request';
  // Jenkins builds most tags only when somebody asks for it.
  if (names !== null && names.tag !== '') return 'tag';
  const causes = variable(environment, 'LOCKSTEP_JENKINS_CAUSE') || variable(environment, 'BUILD_CAUSE');
  if (/TimerTrigger/i.test(causes)) return 'schedule';
  return /(?:UserId|Upstream|Remote)Cause|(?:MANUAL|UPSTREAM)TRIGGER/.test(causes) ? 'manual' : 'push';
}

function changeIn(environment: Environment): PullRequest | null {
  const told = (name: string): string => variable(environment, name);
  if (told('CHANGE_ID') === '' && told('CHANGE_FORK') === '') return null;
  return {
    number: countIn(Number(told('CHANGE_ID'))),
    source: told('CHANGE_BRANCH') || told('BRANCH_NAME'),
    target: told('CHANGE_TARGET'),
    fork: told('CHANGE_FORK') !== '',
  };
}

function namesIn(environment: Environment): RefNames | null {
  const tag = variable(environment, 'TAG_NAME');
  if (tag !== '') return { branch: '', tag };
  const branch = variable(environment, 'BRANCH_NAME');
  return branch === '' ? plainNames(variable(environment, 'GIT_BRANCH')) : { branch, tag: '' };
}

/** Of a job that is no multibranch project: the remote's branch, as the plugin Git says it. https://plugins.jenkins.io/git/ */
function plainNames(ref: string): RefNames | null {
  if (ref === '' || ref === 'detached') return null;
  const tag = /^(?:refs\/)?tags\/(.+)$/.exec(ref)?.[1];
  if (tag !== undefined) return { branch: '', tag };
  return { branch: ref.replace(/^(?:refs\/heads\/|(?:refs\/)?remotes\/origin\/|origin\/)/, ''), tag: '' };
}
