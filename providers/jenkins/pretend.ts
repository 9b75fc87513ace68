// Variables of a build, or words of the command line → what Jenkins would say in its environment, for a dry run elsewhere.
import type { Environment, PretendRequest } from '../../src/contract/provider.ts';
import { ok, type Outcome } from '../../src/model/failure.ts';
import { readCheckout } from '../shared/checkout.ts';
import { readJobVariables } from '../shared/job-variables.ts';

/** Not the commit: what is checked out here stands for that of the event, whichever that was. */
const taken: ReadonlySet<string> = new Set([
  ...['JOB_NAME', 'BRANCH_NAME', 'BRANCH_IS_PRIMARY', 'TAG_NAME', 'GIT_BRANCH', 'LOCKSTEP_DEFAULT_BRANCH'],
  ...['CHANGE_ID', 'CHANGE_BRANCH', 'CHANGE_TARGET', 'CHANGE_FORK', 'LOCKSTEP_JENKINS_CAUSE', 'BUILD_CAUSE'],
]);

/** Of a multibranch project that is called as the repository. */
export async function jenkinsPretend({
  git,
  event,
  overrides,
}: PretendRequest): Promise<Outcome<Environment>> {
  const checkout = await readCheckout(git, new Set(['git.branch', 'git.tag', 'git.repository']));
  const here = { JENKINS_URL: 'a dry run', JOB_NAME: checkout.repository };
  if (event) {
    const told = await readJobVariables(event, taken);
    return told.ok ? ok({ ...inProject(here, told.value.BRANCH_NAME), ...told.value }) : told;
  }
  // What the command line says, the context knows by itself.
  if (Object.keys(overrides).length > 0) return ok(here);
  const { branch, tag } = checkout;
  return ok({
    ...inProject(here, branch || tag),
    ...{ BRANCH_NAME: branch || tag, TAG_NAME: tag },
  });
}

/** Jenkins has a job for each branch. */
const inProject = <E extends { readonly JOB_NAME: string }>(job: E, branch = ''): E =>
  branch === '' ? job : { ...job, JOB_NAME: `${job.JOB_NAME}/${encodeURIComponent(branch)}` };
