// The environment of a job → the folder of the checkout that GitLab takes files from, and where it shows them.
import { realpathSync } from 'node:fs';
import { posix, relative } from 'node:path';
import type { Environment } from '../../src/contract/provider.ts';
import { fail, type Outcome } from '../../src/model/failure.ts';
import { makeStateFolder } from '../shared/state-folder.ts';
import { variable } from '../shared/variable.ts';

/** Relative to the project's folder, as `artifacts:paths` is. */
export const takenFolder = (environment: Environment): string =>
  posix.normalize(variable(environment, 'LOCKSTEP_GITLAB_FOLDER') || '.lockstep/gitlab').replace(/\/$/, '');

/** Absolute, and made with what lies in it: `inside`, relative. Failures (`environment`): as `makeStateFolder`. */
export function makeTakenFolder(environment: Environment, inside = ''): Outcome<string> {
  const project = projectFolder(environment);
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

/** The folder of a source root, or a file in it, from the top of the project; as it is where it lies elsewhere. */
export function placeInProject(environment: Environment, root: string, file: string): string {
  const project = projectFolder(environment);
  const folder = project === null ? '' : relative(project, root);
  return folder.startsWith('..') ? file : posix.join(folder, file);
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

function projectFolder(environment: Environment): string | null {
  const folder = variable(environment, 'CI_PROJECT_DIR');
  try {
    return folder === '' ? null : realpathSync(folder);
  } catch {
    return null;
  }
}
