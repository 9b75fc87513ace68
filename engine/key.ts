// What decides how a job comes out → the keys under which its steps and the job itself are recorded.
//
// k0 = the surroundings of all steps, ki = k(i-1) and what step i adds, the job's key = kn and what comes after the steps.
// `jobFields` and its siblings say of every field of a planned job whether it is in a key; a test changes each.
import { createHash } from 'node:crypto';
import type { Evaluator, Scope } from '../src/contract/evaluator.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../src/model/json.ts';
import type {
  PlannedArtifact,
  PlannedCache,
  Plan,
  PlannedJob,
  PlannedService,
  PlannedStep,
  Platform,
  Ready,
  Resources,
} from '../src/model/plan.ts';
import type { Key, KeyParts } from '../src/model/record.ts';
import { treeDigest, type TreeEntry } from '../src/model/tree.ts';
import {
  resolveDuration,
  resolveEnv,
  type Env,
  type ResolvedJob,
  type ResolvedService,
} from './resolve-job.ts';

/** Changes when the same parts would be run in another way than before: every older record is then a miss. */
export const keyFormat = 1;

/** `in`: in a key as it is or resolved. `out`: why it decides nothing of what a job yields. */
type Place = 'in' | `out: ${string}`;
type Places<T> = Readonly<Record<keyof Required<T>, Place>>;

export const jobFields: Places<PlannedJob> = {
  name: 'out: shown to people',
  description: 'out: shown to people',
  needs: 'out: what it takes of them is in the steps that see it',
  takesFrom: 'out: follows from needs',
  condition: 'out: decides whether the job runs, not how',
  matrix: 'out: its values are in what reads them',
  only: 'out: a choice of instances',
  failFast: 'out: decides about siblings',
  maxParallel: 'out: when, not what',
  image: 'in',
  inputs: 'out: the files they show are in the steps that see them',
  git: 'out: asks for reuse: false',
  env: 'in',
  secrets: 'in',
  caches: 'in',
  services: 'in',
  steps: 'in',
  finally: 'in',
  outputs: 'in',
  artifacts: 'in',
  reports: 'in',
  reuse: 'out: decides whether there are keys at all',
  timeout: 'out: a record is of what ended in time',
  retry: 'out: a record is of what succeeded',
  allowFailure: 'out: a record is of what succeeded',
  resources: 'in',
  user: 'in',
  workdir: 'in',
  network: 'in',
  privileged: 'in',
};

export const stepFields: Places<PlannedStep> = {
  name: 'out: shown to people',
  id: 'out: what reads its outputs has their values',
  run: 'in',
  shell: 'in',
  inputs: 'out: the files they show are in',
  env: 'in',
  secrets: 'in',
  workdir: 'in',
  user: 'in',
  services: 'in',
  condition: 'in',
  timeout: 'out: a record is of what ended in time',
  retry: 'out: a record is of what succeeded',
  allowFailure: 'out: a record is of what succeeded',
  reuse: 'out: decides whether there are keys at all',
};

export const serviceFields: Places<PlannedService> = {
  image: 'in',
  env: 'in',
  command: 'in',
  entrypoint: 'in',
  secrets: 'in',
  ready: 'in',
  resources: 'in',
  user: 'in',
  privileged: 'in',
};

export const readyFields: Places<Ready> = {
  check: 'in',
  intervalMs: 'out: how soon it is seen, not what',
  timeoutMs: 'out: a record is of what was ready in time',
};

export const resourceFields: Places<Resources> = {
  cpus: 'out: how fast, not what',
  memoryBytes: 'in',
  shmBytes: 'in',
  pids: 'in',
};

export const cacheFields: Places<PlannedCache> = {
  name: 'out: its path is what a step sees',
  path: 'in',
  key: 'out: names the native copy; a cache must not change what a step yields',
  save: 'out: when it is kept',
};

export const artifactFields: Places<PlannedArtifact> = {
  paths: 'in',
  exclude: 'in',
  when: 'in',
  expireMs: 'out: how long a platform keeps it',
  empty: 'in',
};

export const keyOf = (parts: KeyParts): Key => textDigest(canonicalJson(parts));

const textDigest = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;

/** Values as digests: they can be compared, and a store that is looked into does not tell them. */
const envDigests = (env: Env): JsonObject =>
  Object.fromEntries(Object.entries(env).map(([name, value]) => [name, textDigest(value)]));

/** What of secrets a step can tell apart without looking into their values. */
export interface SecretFacts {
  readonly declared: Plan['secrets'];
  /** Those of which this run has a value. */
  readonly present: { has(name: string): boolean };
}

export const secretFacts = (
  { secrets }: Pick<Plan, 'secrets'>,
  present: SecretFacts['present'],
): SecretFacts => ({ declared: secrets, present });

/** Sorted pairs of a name and how it is delivered; an optional one that is not there is not delivered. */
const secretParts = (names: readonly string[], { declared, present }: SecretFacts): JsonValue =>
  [...new Set(names)]
    .sort()
    .map((name) => [name, !present.has(name) ? 'absent' : declared[name]?.file ? 'file' : 'env']);

const orNull = (value: number | undefined): number | null => value ?? null;

/** k0. `images` has the digests of the job's image and of each service's, by its name. */
export function jobParts(
  job: PlannedJob,
  platform: Platform,
  services: readonly ResolvedService[],
  images: { readonly job: string; readonly services: Readonly<Record<string, string>> },
  secrets: SecretFacts,
): KeyParts {
  const { memoryBytes, shmBytes, pids } = job.resources;
  return {
    of: 'job',
    format: keyFormat,
    image: images.job,
    platform,
    user: job.user,
    workdir: job.workdir,
    network: job.network,
    privileged: job.privileged,
    memory: orNull(memoryBytes),
    shm: orNull(shmBytes),
    pids: orNull(pids),
    secrets: secretParts(job.secrets, secrets),
    caches: job.caches.map(({ path }) => path).sort(),
    services: Object.fromEntries(
      services.map((service) => [
        service.name,
        serviceParts(service, images.services[service.name] ?? '', secrets),
      ]),
    ),
  };
}

function serviceParts(service: ResolvedService, image: string, facts: SecretFacts): JsonObject {
  const { env, command, entrypoint, secrets, ready, resources, user, privileged } = service;
  return {
    image,
    env: envDigests(env),
    command: command && [...command],
    entrypoint: entrypoint && [...entrypoint],
    secrets: secretParts(secrets, facts),
    ready: ready && { ...ready.check },
    memory: orNull(resources.memoryBytes),
    shm: orNull(resources.shmBytes),
    pids: orNull(resources.pids),
    user,
    privileged,
  };
}

export interface StepPlace {
  readonly job: PlannedJob;
  readonly secrets: SecretFacts;
  readonly resolved: ResolvedJob;
  readonly evaluator: Evaluator;
  /** The files it is the first to see. */
  readonly files: readonly TreeEntry[];
}

/** ki of a step whose `if` holds. Null where an expression of it has no value: the step will fail by itself. */
export function stepParts(before: Key, step: PlannedStep, scope: Scope, place: StepPlace): KeyParts | null {
  const own = resolveStep(step, scope, place);
  if (own === null) return null;
  return {
    of: 'step',
    before,
    runs: true,
    files: treeDigest(place.files),
    ...scriptParts(step, place),
    env: envDigests(own),
    services: step.services,
  };
}

/** All of its env, once its timeout has a value too: that one is in no key, and a wrong one fails the step. */
function resolveStep(
  step: PlannedStep,
  scope: Scope,
  { resolved, evaluator }: Pick<StepPlace, 'resolved' | 'evaluator'>,
): Env | null {
  const own = resolveEnv(step.env, scope, evaluator);
  if (!own.ok) return null;
  const env = { ...resolved.env, ...own.value };
  const within: Scope = { ...scope, contexts: { ...scope.contexts, env } };
  const timeout = step.timeout === null ? null : resolveDuration(step.timeout, within, evaluator);
  return timeout === null || timeout.ok ? env : null;
}

/**
 * What the next key stands on. A step that gave other outputs than before, though nothing decided them, is another past:
 * what was recorded after the old ones is not what comes after these.
 */
export const afterStep = (key: Key, outputs: Readonly<Record<string, string>>): Key =>
  Object.keys(outputs).length === 0 ? key : keyOf({ of: 'step', after: key, outputs: envDigests(outputs) });

/** ki of a step whose `if` does not hold: its files come with the next one that runs. */
export const skippedParts = (before: Key, files: readonly TreeEntry[]): KeyParts => ({
  of: 'step',
  before,
  runs: false,
  files: treeDigest(files),
});

const scriptParts = (
  step: PlannedStep,
  { job, secrets }: Pick<StepPlace, 'job' | 'secrets'>,
): JsonObject => ({
  script: textDigest(step.run),
  shell: [...step.shell],
  user: step.user ?? job.user,
  workdir: step.workdir ?? job.workdir,
  secrets: secretParts(step.secrets, secrets),
});

/**
 * The job's own key. `scope` has all of its steps. What its `finally` steps give is not known before they ran: it follows
 * from their scripts, but which facts an expression then reads does not, so where one can be read (by its `id`) all
 * facts count. Null where an expression has no value.
 */
export function endParts(
  before: Key,
  scope: Scope,
  place: Omit<StepPlace, 'files'> & { readonly files: readonly (readonly TreeEntry[])[] },
): KeyParts | null {
  const { job, evaluator } = place;
  const later = withEmptySteps(scope, job.finally);
  const steps: JsonValue[] = [];
  for (const [index, step] of job.finally.entries()) {
    const own = resolveStep(step, later, place);
    const holds =
      step.condition === null
        ? { ok: true as const, value: true }
        : evaluator.literalCondition(step.condition, later);
    if (own === null || !holds.ok) return null;
    steps.push({
      ...scriptParts(step, place),
      files: treeDigest(place.files[index] ?? []),
      env: envDigests(own),
      if: step.condition && [step.condition.expression, holds.value],
    });
  }
  const outputs: [string, JsonValue][] = [];
  for (const [name, template] of Object.entries(job.outputs)) {
    const text = evaluator.text(template, later);
    if (!text.ok) return null;
    outputs.push([name, [template, textDigest(text.value)]]);
  }
  return {
    of: 'end',
    before,
    artifacts: Object.fromEntries(
      Object.entries(job.artifacts).map(([name, { paths, exclude, when, empty }]) => [
        name,
        { paths: [...paths], exclude: [...exclude], when, empty },
      ]),
    ),
    outputs: Object.fromEntries(outputs),
    reports: { ...job.reports },
    finally: steps,
    ...(job.finally.some(({ id }) => id !== null) && { facts: factsDigest(scope) }),
  };
}

/** All but what differs from run to run, which no such job reads, and its steps, on which the key stands. */
function factsDigest({ contexts }: Scope): string {
  const facts = Object.entries(contexts).filter(([name]) => name !== 'run' && name !== 'steps');
  return textDigest(canonicalJson(Object.fromEntries(facts)));
}

function withEmptySteps(scope: Scope, unknown: readonly PlannedStep[]): Scope {
  const known = scope.contexts.steps as JsonObject | undefined;
  const empty = { outputs: {}, outcome: '', 'exit-code': null };
  const later = Object.fromEntries(unknown.flatMap(({ id }) => (id === null ? [] : [[id, empty]])));
  const steps = { ...later, ...known };
  return { ...scope, contexts: { ...scope.contexts, steps } };
}
