// The machine in front of you: every fact comes from the checkout and the command line.
import type { Provider } from '../../src/contract/provider.ts';
import { localContext } from './context.ts';

export const localProvider: Provider = {
  name: 'local',
  detect: () => true,
  context: localContext,
};
