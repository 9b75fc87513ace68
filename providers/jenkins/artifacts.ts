// A run's artifacts → where Jenkins shows them once the library's step has archived them.
import type { ArtifactSink } from '../../src/contract/artifact-sink.ts';
import type { Environment, Offer } from '../../src/contract/provider.ts';
import { there } from '../shared/offer.ts';
import { runFolderSink } from '../shared/run-folder-sink.ts';
import { variable } from '../shared/variable.ts';

/** The library says that it will: LOCKSTEP_JENKINS_ARCHIVES. */
export const artifactsOffer = (environment: Environment): Offer<ArtifactSink> =>
  variable(environment, 'LOCKSTEP_JENKINS_ARCHIVES') === ''
    ? { is: 'absent', because: "the library's step archives them, and this is none: use archiveArtifacts" }
    : there(() => Promise.resolve(jenkinsArtifacts(environment)));

function jenkinsArtifacts(environment: Environment): ArtifactSink {
  const build = variable(environment, 'BUILD_URL');
  return runFolderSink("the build's artifacts", (inside) =>
    build === ''
      ? undefined
      : `${build.replace(/\/?$/, '/')}artifact/${inside.split('/').map(encodeURIComponent).join('/')}`,
  );
}
