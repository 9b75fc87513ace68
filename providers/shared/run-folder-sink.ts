// A run's artifacts, which the platform takes together with the run folder → where people find them then. Nothing is moved.
import type { ArtifactSink } from '../../src/contract/artifact-sink.ts';
import { instanceFileName } from '../../src/model/instance-name.ts';
import { artifactName } from './artifact-name.ts';

/** `name`: for people. `urlOf`: of a path in the `artifacts` of the run folder, which is a folder there. */
export const runFolderSink = (name: string, urlOf: (inside: string) => string | undefined): ArtifactSink => ({
  name,
  publish: (artifact) => {
    const url = urlOf(`${instanceFileName(artifact.job)}/${artifact.name}/`);
    const as = artifactName(artifact);
    return Promise.resolve({ kind: 'published', as, ...(url !== undefined && { url }) });
  },
});
