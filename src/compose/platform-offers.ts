// The platform that this process runs on → what it offers, whatever it runs.
import { detectProvider } from '../../providers/registry.ts';
import type { Environment, Offers } from '../contract/provider.ts';

/** Without `trust`, which depends on what runs. Null: it offers nothing, or does not say what started this. */
export async function platformOffers(environment: Environment): Promise<Omit<Offers, 'trust'> | null> {
  const provider = detectProvider(environment);
  if (provider.offers === undefined) return null;
  const facts = await provider.context({
    ...{ environment, overrides: {}, runId: '', wanted: new Set<string>() },
    git: () => Promise.resolve(null),
  });
  return facts.ok ? provider.offers(environment, facts.value) : null;
}
