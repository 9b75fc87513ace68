// The facts of a pipeline → what its work is kept for, and whether it may be kept.
import type { Environment, Trust } from '../../src/contract/provider.ts';
import type { CiContext } from '../../src/model/ci-context.ts';
import { variable } from '../shared/variable.ts';

/**
 * As GitLab keeps caches apart: protected refs, and all others, which may read what those left.
 * https://docs.gitlab.com/ci/caching/#cache-key-names
 */
export function gitlabTrust(environment: Environment, context: CiContext): Trust {
  // A machine may work for more than one GitLab.
  const project = ['CI_SERVER_HOST', 'CI_PROJECT_PATH'].map((name) => variable(environment, name));
  const inProject = (name: string): string => `${project.filter(Boolean).join('/')} ${name}`.trim();
  const writes = context.event['pull-request']?.fork !== true;
  return writes && isProtected(environment, context)
    ? { scope: inProject('protected'), reads: [], writes }
    : { scope: inProject('unprotected'), reads: [inProject('protected')], writes };
}

/** Only a dry run does not say it. */
function isProtected(environment: Environment, { event, git }: CiContext): boolean {
  const said = variable(environment, 'CI_COMMIT_REF_PROTECTED');
  if (said !== '') return said === 'true';
  return event['pull-request'] === null && git.branch !== '' && git.branch === git['default-branch'];
}
