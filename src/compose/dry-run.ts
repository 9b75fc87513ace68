// `--as PLATFORM` and `--event` → the platform to take for this machine's, and what it would say of itself.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { detectProvider, providers } from '../../providers/registry.ts';
import type { Environment, Offers, PretendRequest, Provider } from '../contract/provider.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { suggestion } from '../pipeline/nearest-name.ts';

export interface DryRun {
  readonly as?: string;
  /** `FILE` or `NAME=FILE`. */
  readonly event?: string;
  /** Where relative paths start. */
  readonly folder: string;
}

export interface Place {
  readonly provider: Provider;
  /** What the provider is told, and nobody else. */
  readonly environment: Environment;
  readonly isDryRun: boolean;
}

/** Failures (`usage`): `unknown-platform`, `event-without-as`, `dry-run-on-platform`, and those of `Provider.pretend`. */
export async function placeOf(
  { as, event, folder }: DryRun,
  environment: Environment,
  request: Pick<PretendRequest, 'git' | 'overrides'>,
): Promise<Outcome<Place>> {
  if (as === undefined)
    return event === undefined
      ? ok({ provider: detectProvider(environment), environment, isDryRun: false })
      : fail('usage', 'event-without-as', '--event is a file of a CI platform, and none is named', {
          hint: `add --as ${platforms().join(' or --as ')}`,
        });
  const { name: here } = detectProvider(environment);
  // There the words of a command line would say who is behind a change.
  if (here !== 'local')
    return fail(
      'usage',
      'dry-run-on-platform',
      `--as is for a machine of your own, and this one is of ${here}`,
      {
        hint: 'leave out --as and --event: the platform says what it runs',
      },
    );
  const provider = providers.find(({ name }) => name === as);
  if (!provider?.pretend) {
    const hint = suggestion(as, platforms());
    const failure = `there is no platform '${as}' to act as`;
    return fail('usage', 'unknown-platform', failure, hint === undefined ? {} : { hint });
  }
  const told = await provider.pretend({
    ...request,
    event: event === undefined ? null : eventIn(event, folder),
  });
  return told.ok ? ok({ provider, environment: told.value, isDryRun: true }) : told;
}

const platforms = (): string[] => providers.filter(({ pretend }) => pretend).map(({ name }) => name);

/** A file whose name looks like both is a file. */
function eventIn(text: string, folder: string): NonNullable<PretendRequest['event']> {
  const [, name, file] = /^([a-z_]+)=(.+)$/.exec(text) ?? [];
  return name === undefined || file === undefined || existsSync(resolve(folder, text))
    ? { file: resolve(folder, text), name: null }
    : { file: resolve(folder, file), name };
}

/** Nothing of the platform's is within reach. */
export const withoutServices = ({ platform, trust, cancelMs, logs, logBytes }: Offers): Offers => {
  const absent = { is: 'absent', because: 'this is a dry run' } as const;
  const services = { secrets: absent, cache: absent, artifacts: absent, credentials: [] };
  return { platform, trust, cancelMs, logs, logBytes, ...services };
};
