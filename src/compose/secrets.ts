// A plan and all that may hold secrets → the values that its jobs get, or what is missing; and for `plan`, where they would come from.
import type { Environment, Offers } from '../contract/provider.ts';
import type { FoundSecret, SecretSource } from '../contract/secret-source.ts';
import type { Evaluator } from '../contract/evaluator.ts';
import { fail, ok, type Failure, type Outcome } from '../model/failure.ts';
import type { Plan, PlannedSecret } from '../model/plan.ts';
import type { SecretOrigin, SecretPreview } from '../model/plan-preview.ts';
import { isFromFork, jobsInNeedOfSecrets, secretsUsedBy } from '../model/secret-uses.ts';
import { fileSecrets } from './secret-file.ts';
import { checkValue, textSecret, withoutValues } from './secret-value.ts';
import { commandLineSecrets, readSecretWords } from './secret-words.ts';

/** What the command line says of secrets. */
export interface SecretOptions {
  /** Each as it was written: `NAME=env:VARIABLE`. */
  readonly secret: readonly string[];
  /** `--allow fork-secrets`. */
  readonly allowFork: boolean;
  /** Where relative paths and commands start. */
  readonly folder: string;
}

/** Where the secrets of a plan are, before any is read. */
export interface LocatedSecrets {
  /** Of all that its jobs use. */
  readonly places: ReadonlyMap<string, Located>;
  /** A change request from a fork: no source was read. */
  readonly withheld: boolean;
  /** Jobs that cannot run for it, with the secrets they lack. */
  readonly withheldFrom: ReadonlyMap<string, readonly string[]>;
}

export interface Secrets extends Pick<LocatedSecrets, 'withheld' | 'withheldFrom'> {
  /** None is empty. */
  readonly values: ReadonlyMap<string, Buffer>;
  /** Where each of them came from, for people. */
  readonly origins: ReadonlyMap<string, string>;
}

type Located =
  | { readonly is: 'found'; readonly secret: FoundSecret }
  | { readonly is: 'missing'; readonly lookedIn: readonly string[] }
  | { readonly is: 'refused'; readonly failure: Failure }
  | { readonly is: 'withheld' };

/** Starts no command. Failures (`usage`): `secret-option`, `unknown-secret`. What a source says against itself is in the places. */
export async function locateSecrets(
  plan: Plan,
  root: string,
  options: SecretOptions,
  environment: Environment,
  offers: Pick<Offers, 'secrets'> | null,
): Promise<Outcome<LocatedSecrets>> {
  const names = readSecretWords(options.secret, Object.keys(plan.secrets));
  if (!names.ok) return names;
  const withheld = isFromFork(plan) && !options.allowFork;
  const offered = withheld ? undefined : offers?.secrets;
  const native = offered?.is === 'there' ? await offered.open() : null;
  const sources: readonly SecretSource[] = [
    commandLineSecrets({ names: names.value, folder: options.folder, environment }),
    ...(native ? [native] : []),
    fileSecrets(root, environment),
    environmentSecrets(environment),
  ];
  const places = new Map<string, Located>();
  for (const name of secretsUsedBy(plan.jobs))
    places.set(name, withheld ? { is: 'withheld' } : await locate(name, sources));
  return ok({ places, withheld, withheldFrom: withheld ? jobsInNeedOfSecrets(plan) : new Map() });
}

async function locate(name: string, sources: readonly SecretSource[]): Promise<Located> {
  for (const source of sources) {
    const found = await source.find(name);
    if (!found.ok) return { is: 'refused', failure: found.failure };
    if (found.value !== null) return { is: 'found', secret: found.value };
  }
  return { is: 'missing', lookedIn: sources.map((source) => source.place(name)) };
}

const environmentSecrets = (environment: Environment): SecretSource => {
  const place = (name: string): string => `the environment variable LOCKSTEP_SECRET_${name}`;
  return {
    place,
    find: (name) =>
      Promise.resolve(ok(textSecret(place(name), environment[`LOCKSTEP_SECRET_${name}`] ?? ''))),
  };
};

/**
 * Reads those that a job of the plan would use which is not skipped whatever happens. Failures (`usage`): `secret-missing`,
 * `secret-unreadable`, `secrets-file`; (`environment`): `secret-command`.
 */
export async function readSecrets(
  plan: Plan,
  { places, withheld, withheldFrom }: LocatedSecrets,
  evaluator: Evaluator,
  signal: AbortSignal,
): Promise<Outcome<Secrets>> {
  if (places.size === 0 || withheld)
    return ok({ values: new Map(), origins: new Map(), withheld, withheldFrom });
  const { jobsThatMayRun } = await import('../pipeline/preview.ts');
  const used = secretsUsedBy(jobsThatMayRun(plan, evaluator, withheldFrom));
  const located = used.flatMap((name) => {
    const [place, secret] = [places.get(name), plan.secrets[name]];
    return place && secret ? [{ name, place, secret }] : [];
  });
  for (const { place } of located) if (place.is === 'refused') return { ok: false, failure: place.failure };
  const missing = located.flatMap(({ name, place, secret }) =>
    place.is === 'missing' && secret.required ? [{ name, lookedIn: place.lookedIn }] : [],
  );
  if (missing.length > 0) return secretsMissing(missing);
  const read = await Promise.all(
    located.flatMap(({ name, place, secret }) =>
      place.is === 'found' ? [readOne(name, secret, place.secret, signal)] : [],
    ),
  );
  const values = new Map(read.flatMap((one) => (one.value.ok ? [[one.name, one.value.value]] : [])));
  const failed = read.flatMap(({ value }) => (value.ok ? [] : [value.failure]))[0];
  if (failed?.cause !== undefined) {
    // A command may print on stderr what it was given.
    const { cause: said, ...rest } = failed;
    const cause = await withoutValues(said, [...values.values()]);
    return { ok: false, failure: { ...rest, ...(cause !== '' && { cause }) } };
  }
  if (failed) return { ok: false, failure: failed };
  return ok({ values, origins: new Map(read.map(({ name, from }) => [name, from])), withheld, withheldFrom });
}

async function readOne(
  name: string,
  secret: PlannedSecret,
  found: FoundSecret,
  signal: AbortSignal,
): Promise<{ name: string; from: string; value: Outcome<Buffer> }> {
  const read = await found.read(signal);
  const value = read.ok ? checkValue(name, secret, Buffer.from(read.value), found.from) : read;
  return { name, from: found.from, value };
}

function secretsMissing(
  missing: readonly { readonly name: string; readonly lookedIn: readonly string[] }[],
): ReturnType<typeof fail> {
  const names = missing.map(({ name }) => name);
  const message = `${names.length === 1 ? 'the secret' : 'the secrets'} ${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} missing`;
  return fail('usage', 'secret-missing', message, {
    cause: missing.map(({ name, lookedIn }) => `${name}: looked in ${lookedIn.join(', ')}`).join('\n'),
    hint: `--secret ${names[0] ?? 'NAME'}=env:VARIABLE, file:PATH or cmd:COMMAND gives one`,
  });
}

/** Names of which a run would have a value. */
export const foundIn = ({ places }: LocatedSecrets): ReadonlySet<string> =>
  new Set([...places].filter(([, { is }]) => is === 'found').map(([name]) => name));

export const previewSecrets = (
  { secrets }: Plan,
  { places }: LocatedSecrets,
): Readonly<Record<string, SecretPreview>> =>
  Object.fromEntries(
    [...places].flatMap(([name, place]) => {
      const declared = secrets[name];
      if (!declared) return [];
      const { required, file, guard } = declared;
      return [[name, { required, file, guard, value: originOf(place) }]];
    }),
  );

function originOf(place: Located): SecretOrigin {
  switch (place.is) {
    case 'found':
      return { is: 'found', from: place.secret.from };
    case 'refused':
      return { is: 'refused', because: place.failure.message };
    case 'missing':
    case 'withheld':
      return place;
  }
}
