// Jenkins: facts from a build's variables and the checkout.
import type { Provider } from '../../src/contract/provider.ts';
import { jenkinsContext } from './context.ts';
import { jenkinsOffers } from './offers.ts';
import { isJenkins } from './platform.ts';
import { jenkinsPretend } from './pretend.ts';

export const jenkinsProvider: Provider = {
  name: 'jenkins',
  detect: isJenkins,
  context: jenkinsContext,
  offers: jenkinsOffers,
  pretend: jenkinsPretend,
  leave: async (environment, run) => (await import('./leave.ts')).leaveForJenkins(environment, run),
};
