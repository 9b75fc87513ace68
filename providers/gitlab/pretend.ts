// Variables of a job, or words of the command line → what GitLab would say in its environment, for a dry run elsewhere.
import type { Environment, PretendRequest } from '../../src/contract/provider.ts';
import { ok, type Outcome } from '../../src/model/failure.ts';
import { readCheckout } from '../shared/checkout.ts';
import { readJobVariables } from '../shared/job-variables.ts';
import { ofExternal, ofMergeRequest } from './event.ts';

/** No token and no address of a service: there is none. */
export async function gitlabPretend(request: PretendRequest): Promise<Outcome<Environment>> {
  const { event, overrides } = request;
  const about = ['git.branch', 'git.tag', 'git.repository'];
  const { branch, tag, repository } = await readCheckout(request.git, new Set(about));
  const job = { GITLAB_CI: 'true', CI_PROJECT_PATH: repository };
  if (event) {
    const told = await readJobVariables(event, taken);
    return told.ok ? ok({ ...job, ...told.value }) : told;
  }
  // What the command line says, the context knows by itself.
  if (Object.keys(overrides).length > 0) return ok(job);
  return ok({
    ...job,
    CI_PIPELINE_SOURCE: 'push',
    ...(tag === '' ? { CI_COMMIT_BRANCH: branch } : { CI_COMMIT_TAG: tag }),
  });
}

/** Not the commit: what is checked out here stands for that of the event, whichever that was. */
const taken: ReadonlySet<string> = new Set([
  ...['CI_PIPELINE_SOURCE', 'LOCKSTEP_PIPELINE_SOURCE', 'CI_PROJECT_PATH', 'CI_DEFAULT_BRANCH'],
  ...['CI_COMMIT_BRANCH', 'CI_COMMIT_TAG', 'CI_COMMIT_REF_PROTECTED'],
  ...['IID', 'PROJECT_ID', 'PROJECT_PATH', 'SOURCE_PROJECT_ID', 'SOURCE_PROJECT_PATH'].map(ofMergeRequest),
  ...['SOURCE_BRANCH_NAME', 'TARGET_BRANCH_NAME'].flatMap((name) => [ofMergeRequest(name), ofExternal(name)]),
  ...['IID', 'SOURCE_REPOSITORY', 'TARGET_REPOSITORY'].map(ofExternal),
]);
