// Which contexts an expression may read at which place, and what the contexts hold.
import type { GitFacts, RunFacts } from '../model/ci-context.ts';
import type { Path } from './tree.ts';

export const contextNames = ['params', 'matrix', 'env', 'needs', 'steps', 'git', 'event', 'run'] as const;
export type ContextName = (typeof contextNames)[number];

/** Where in the file an expression stands, as far as that decides what it may read. */
export type Place = 'run-env' | 'job-if' | 'matrix' | 'matrix-value' | 'job' | 'step-if' | 'step';

const everywhere = ['params', 'git', 'event', 'run'] as const;
const beforeMatrix = [...everywhere, 'env', 'needs'] as const;
const inJob = [...beforeMatrix, 'matrix'] as const;

/**
 * A job's `if` and its matrix are asked once, before there are instances; a matrix whose parts are expressions has to be
 * known when the plan is made.
 */
export const contextsAt: Readonly<Record<Place, readonly ContextName[]>> = {
  'run-env': everywhere,
  'job-if': beforeMatrix,
  matrix: beforeMatrix,
  'matrix-value': ['params', 'git', 'event'],
  job: inJob,
  'step-if': [...inJob, 'steps'],
  step: [...inJob, 'steps'],
};

/** Where `if` stands, the status functions do too. */
export const allowsStatus = (place: Place): boolean => place === 'job-if' || place === 'step-if';

/** Names with a dot are one level down. */
const facts = {
  git: ['sha', 'short-sha', 'branch', 'tag', 'ref', 'default-branch', 'repository', 'timestamp', 'dirty'],
  event: ['name', 'pull-request.number', 'pull-request.source', 'pull-request.target', 'pull-request.fork'],
  run: ['id', 'number', 'url', 'attempt'],
} as const satisfies {
  readonly git: readonly (keyof GitFacts)[];
  readonly event: readonly string[];
  readonly run: readonly (keyof RunFacts)[];
};

export const isFacts = (context: string): context is keyof typeof facts => Object.hasOwn(facts, context);

/** The properties one level below a path of a facts context, e.g. of `event.pull-request`; empty for a value. */
export function factsBelow(context: keyof typeof facts, path: readonly string[]): readonly string[] {
  const prefix = path.map((name) => `${name}.`).join('');
  const below = facts[context].filter((fact) => fact.startsWith(prefix));
  return [...new Set(below.map((fact) => fact.slice(prefix.length).split('.')[0] ?? ''))];
}

/** All facts that a look-up gives, e.g. the nine of `git` for `git` as a whole; null stands for any name. */
export function factsOf(context: keyof typeof facts, path: readonly (string | null)[]): readonly string[] {
  return facts[context]
    .filter((fact) => fact.split('.').every((part, index) => (path[index] ?? part) === part))
    .map((fact) => `${context}.${fact}`);
}

/** The place of a text that may hold expressions; `script` and null are places where none may stand. */
export function placeOf(path: Path): Place | 'script' | null {
  const [top, job, key, ...rest] = path;
  if (top === 'env') return 'run-env';
  if (top === 'defaults') return isImage(path.slice(1)) || job === 'timeout' ? 'job' : null;
  if (top !== 'jobs') return null;
  if (key === 'if') return 'job-if';
  if (key === 'matrix') return rest.length === 0 ? 'matrix' : 'matrix-value';
  if (key === 'env' || key === 'timeout' || isImage(path.slice(2))) return 'job';
  if (key === 'outputs') return 'step';
  if (key === 'services') return servicePlace(rest.slice(1));
  return key === 'steps' || key === 'finally' ? stepPlace(rest.slice(1)) : null;
}

/** `image` itself or its `ref`, not its `auth`. */
const isImage = ([key, part]: Path): boolean => key === 'image' && (part === undefined || part === 'ref');

function servicePlace(path: Path): Place | 'script' | null {
  const [key, part] = path;
  if (key === 'env' || key === 'command' || isImage(path)) return 'job';
  return key === 'ready' && part === 'run' ? 'script' : null;
}

function stepPlace([key]: Path): Place | 'script' | null {
  if (key === undefined || key === 'run') return 'script';
  if (key === 'if') return 'step-if';
  return key === 'env' || key === 'timeout' ? 'step' : null;
}
