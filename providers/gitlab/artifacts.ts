// A run's artifacts → where GitLab's job takes them from, and their address once it has ended.
// https://docs.gitlab.com/ci/jobs/job_artifacts/
import type { ArtifactSink } from '../../src/contract/artifact-sink.ts';
import type { Environment } from '../../src/contract/provider.ts';
import { instanceFileName } from '../../src/model/instance-name.ts';
import { artifactName } from '../shared/artifact-name.ts';
import { folderSink } from '../shared/folder-sink.ts';
import { variable } from '../shared/variable.ts';
import { artifactUrl, makeTakenFolder } from './taken-folder.ts';

const name = "the job's artifacts";

/** `artifacts/JOB.NAME` in the folder that the job takes; with LOCKSTEP_GITLAB_ARTIFACTS=run where they lie in the run folder. */
export const gitlabArtifacts = (environment: Environment): Promise<ArtifactSink> =>
  Promise.resolve(
    variable(environment, 'LOCKSTEP_GITLAB_ARTIFACTS') === 'run'
      ? inRunFolder(environment)
      : folderSink({
          name,
          folder: () => makeTakenFolder(environment, 'artifacts'),
          urlOf: (as) => artifactUrl(environment, 'browse', `artifacts/${as}/`),
        }),
  );

/** The job takes the run folder anyway, for the jobs after it. */
const inRunFolder = (environment: Environment): ArtifactSink => ({
  name,
  publish: (artifact) => {
    const inside = `run/artifacts/${instanceFileName(artifact.job)}/${artifact.name}/`;
    const url = artifactUrl(environment, 'browse', inside);
    const as = artifactName(artifact);
    return Promise.resolve({ kind: 'published', as, ...(url !== undefined && { url }) });
  },
});
