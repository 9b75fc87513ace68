// The environment of a job → the folder of the checkout that GitLab takes files from, and where it shows them.
import { posix } from 'node:path';
import type { Environment } from '../../src/contract/provider.ts';
import { fail, type Outcome } from '../../src/model/failure.ts';
import { realFolder } from '../shared/place-below.ts';
import { makeStateFolder } from '../shared/state-folder.ts';
import { variable } from '../shared/variable.ts';

/** Relative to the project's folder, as `artifacts:paths` is. */
export const takenFolder = (environment: Environment): string =>
  posix.normalize(variable(environment, 'LOCKSTEP_GITLAB_FOLDER') || '.lockstep/gitlab').replace(/\/$/, '');

/** Absolute, and made with what lies in it: `inside`, relative. Failures (`environment`): as `makeStateFolder`. */
export function makeTakenFolder(environment: Environment, inside = ''): Outcome<string> {
  const project = realFolder(variable(environment, 'CI_PROJECT_DIR'));
  return project === null
    ? fail(
        'environment',
        'leave-folder',
        'CI_PROJECT_DIR names no folder: GitLab can take nothing from here',
        {
          hint: "it is the checkout's folder, and GitLab sets it: leave it as it is",
        },
      )
    : makeStateFolder(project, posix.join(takenFolder(environment), inside));
}

/** Where people see a file of the job's artifacts, or a folder of them; undefined where GitLab does not say where the job is. */
export function artifactUrl(
  environment: Environment,
  kind: 'file' | 'browse',
  inside: string,
): string | undefined {
  const job = variable(environment, 'CI_JOB_URL');
  if (job === '') return undefined;
  const path = posix.join(takenFolder(environment), inside);
  return `${job}/artifacts/${kind}/${path.split('/').map(encodeURIComponent).join('/')}`;
}
