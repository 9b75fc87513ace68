// A run's artifacts → where GitLab's job takes them from, and their address once it has ended.
// https://docs.gitlab.com/ci/jobs/job_artifacts/
import type { ArtifactSink } from '../../src/contract/artifact-sink.ts';
import type { Environment } from '../../src/contract/provider.ts';
import { folderSink } from '../shared/folder-sink.ts';
import { runFolderSink } from '../shared/run-folder-sink.ts';
import { variable } from '../shared/variable.ts';
import { artifactUrl, makeTakenFolder } from './taken-folder.ts';

const name = "the job's artifacts";

/** `artifacts/JOB.NAME` in the folder that the job takes; with LOCKSTEP_GITLAB_ARTIFACTS=run where they lie in the run folder. */
export const gitlabArtifacts = (environment: Environment): Promise<ArtifactSink> =>
  Promise.resolve(
    variable(environment, 'LOCKSTEP_GITLAB_ARTIFACTS') === 'run'
      ? // The job takes the run folder anyway, for the jobs after it.
        runFolderSink(name, (inside) => artifactUrl(environment, 'browse', `run/artifacts/${inside}`))
      : folderSink({
          name,
          folder: () => makeTakenFolder(environment, 'artifacts'),
          urlOf: (as) => artifactUrl(environment, 'browse', `artifacts/${as}/`),
        }),
  );
