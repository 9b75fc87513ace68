// The environment of a job → what GitLab gives it, or why not. No service is asked anything.
import type { Environment, Offer } from '../../src/contract/provider.ts';
import type { CacheStore } from '../../src/contract/cache-store.ts';
import type { Credential } from '../../src/model/url-credentials.ts';
import { parseSize } from '../../src/model/size.ts';
import { there } from '../shared/offer.ts';
import { variable } from '../shared/variable.ts';
import { recordRights } from './record-rights.ts';
import { isFileVariable } from './secrets.ts';

/**
 * In a container: SIGTERM to the newest process first, and 6 s for it before the shell that waits for it is next, with which the
 * container may end (`ContainerSigTermScriptForLinux`). Other executors leave more.
 * https://gitlab.com/gitlab-org/gitlab-runner/-/blob/main/shells/bash.go
 */
export const cancelMs = 6000;

/** The default of `output_limit`. https://docs.gitlab.com/runner/configuration/advanced-configuration/#the-runners-section */
const usualLogBytes = 4 * 1024 * 1024;

/** Bytes. Nobody tells a job what its runner's limit is: who changed it says so. */
export const logBytes = (environment: Environment): number =>
  parseSize(variable(environment, 'LOCKSTEP_LOG_LIMIT').trim()) ?? usualLogBytes;

export function recordsOffer(environment: Environment): Offer<CacheStore> {
  const { noReads } = recordRights(environment);
  return noReads === null
    ? there(async () => (await import('./packages.ts')).gitlabPackages(environment))
    : { is: 'absent', because: noReads };
}

/** The folder that the job's `cache:` names; the template says which. */
export const keptFolder = (environment: Environment): string | undefined =>
  variable(environment, 'LOCKSTEP_GITLAB_CACHE') || undefined;

/** GitLab hides variables only where whoever made them asked for it. */
const credentialNames = [
  'CI_JOB_TOKEN',
  'CI_REGISTRY_PASSWORD',
  'CI_DEPENDENCY_PROXY_PASSWORD',
  'CI_DEPLOY_PASSWORD',
  'LOCKSTEP_RECORD_KEY',
];

export const gitlabCredentials = (environment: Environment): Credential[] =>
  credentialNames
    .map((name) => ({ name, value: variable(environment, name) }))
    .filter(({ name, value }) => value !== '' && !isFileVariable(environment, name));
