// The environment of a job → whether it is GitLab's.
import type { Environment } from '../../src/contract/provider.ts';

/** gitlab-ci-local says `false`, so that nothing takes it for GitLab. */
export const isGitlab = (environment: Environment): boolean => environment.GITLAB_CI === 'true';
