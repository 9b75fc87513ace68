// GitHub Actions and what looks like it: facts from the environment, the event's payload and the checkout.
import type { Environment, Offers, Provider } from '../../src/contract/provider.ts';
import type { CiContext } from '../../src/model/ci-context.ts';
import { there } from '../shared/offer.ts';
import { githubContext } from './context.ts';
import { githubLogs } from './logs.ts';
import { cancelMs, findServices } from './offers.ts';
import { isGithubLike } from './platform.ts';
import { githubPretend } from './pretend.ts';
import { githubSecrets, hasSecretsInput } from './secrets.ts';
import { githubTrust } from './trust.ts';

export const githubProvider: Provider = {
  name: 'github',
  detect: isGithubLike,
  context: githubContext,
  offers: githubOffers,
  pretend: githubPretend,
};

function githubOffers(environment: Environment, context: CiContext): Offers {
  const { platform, cache, artifacts } = findServices(environment);
  return {
    platform,
    trust: githubTrust(environment, context),
    cancelMs,
    secrets: hasSecretsInput(environment)
      ? there(() => Promise.resolve(githubSecrets(environment)))
      : { is: 'absent', because: 'the action was given no `secrets`' },
    cache:
      cache.is === 'absent'
        ? cache
        : there(async () => (await import('./cache.ts')).githubCache(environment)),
    artifacts:
      artifacts.is === 'absent'
        ? artifacts
        : there(async () => (await import('./artifacts.ts')).githubArtifacts(environment)),
    logs: () => githubLogs(),
    logBytes: null,
    // The runner hides its own tokens.
    credentials: [],
  };
}
