// GitLab CI: facts from a job's variables and the checkout, and what GitLab gives a job and takes from it.
import type { Environment, Offers, Provider } from '../../src/contract/provider.ts';
import type { CiContext } from '../../src/model/ci-context.ts';
import { there } from '../shared/offer.ts';
import { gitlabContext } from './context.ts';
import { gitlabEngines } from './engines.ts';
import { gitlabLogs } from './logs.ts';
import { cancelMs, gitlabCredentials, keptFolder, logBytes, recordsOffer } from './offers.ts';
import { isGitlab } from './platform.ts';
import { gitlabPretend } from './pretend.ts';
import { gitlabSecrets } from './secrets.ts';
import { gitlabTrust } from './trust.ts';

export const gitlabProvider: Provider = {
  name: 'gitlab',
  detect: isGitlab,
  context: gitlabContext,
  offers: gitlabOffers,
  pretend: gitlabPretend,
  leave: async (environment, run) => (await import('./leave.ts')).leaveForGitlab(environment, run),
};

function gitlabOffers(environment: Environment, context: CiContext): Offers {
  const folder = keptFolder(environment);
  return {
    platform: 'GitLab CI',
    trust: gitlabTrust(environment, context),
    cancelMs,
    secrets: there(() => Promise.resolve(gitlabSecrets(environment))),
    cache: recordsOffer(environment),
    ...(folder !== undefined && { cacheFolder: folder }),
    artifacts: there(async () => (await import('./artifacts.ts')).gitlabArtifacts(environment)),
    logs: gitlabLogs,
    logBytes: logBytes(environment),
    engines: gitlabEngines(environment),
    credentials: gitlabCredentials(environment),
  };
}
