// The jobs and services of a plan → the images they use, and which of them a lock file can pin beforehand.
import type { Evaluator } from '../contract/evaluator.ts';
import type { CiContext } from '../model/ci-context.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { imageProblem, pinnedDigest } from '../model/image-reference.ts';
import type { Param } from '../model/pipeline.ts';
import type { Plan, PlannedJob, Template } from '../model/plan.ts';
import { knownText, knownTexts, runScope, withEnv, withMatrix, type KnownScope } from './known-values.ts';
import type { LoadedPipeline } from './loaded.ts';
import type { Pins } from './lock-file.ts';
import { planPipeline } from './plan.ts';

export interface ImageUse {
  /** `job a`, `service db of job a`. */
  readonly user: string;
  readonly template: Template;
  /** Null where only the run knows. */
  readonly reference: string | null;
}

/** Of every instance; `scope` is that of a job's `if`. */
export function imageUses(plan: Plan, scope: KnownScope, evaluator: Evaluator): readonly ImageUse[] {
  return plan.jobs.flatMap((job) => {
    // Where only the run knows the matrix, an image that does not read it is known all the same.
    const scopes = 'template' in job.matrix ? [scope] : job.matrix.instances.map((m) => withMatrix(scope, m));
    return scopes.flatMap((outer) => {
      const inner = withEnv(outer, knownTexts(job.env, outer, evaluator));
      return templatesOf(job).map(({ user, template }) => {
        return { user, template, reference: knownText(template, inner, evaluator).value };
      });
    });
  });
}

const templatesOf = ({ name, image, services }: PlannedJob): readonly Omit<ImageUse, 'reference'>[] => [
  { user: `job ${name}`, template: image },
  ...Object.entries(services).map(([service, { image: template }]) => ({
    user: `service ${service} of job ${name}`,
    template,
  })),
];

/** Warnings of a plan: what it uses and the lock file lacks. */
export function unlockedImages(plan: Plan, pins: Pins, evaluator: Evaluator): readonly Diagnostic[] {
  const users = new Map<string, string>();
  for (const { user, reference } of imageUses(plan, runScope(plan, evaluator), evaluator)) {
    if (reference === null || pinnedDigest(reference) !== null || pins.has(reference)) continue;
    if (!users.has(reference)) users.set(reference, user);
  }
  return [...users].map(([reference, user]) => ({
    severity: 'warning',
    code: 'image-not-locked',
    message: `${user}: the image ${reference} is not in the lock file`,
    hint: 'add it: lockstep lock',
  }));
}

export interface Lockable {
  /** References that runs of this checkout ask for, by all options of their params; those that name a digest are none. */
  readonly images: ReadonlySet<string>;
  /** Uses whose image a run, another checkout or a param without options decides: there may be more. */
  readonly open: readonly ImageUse[];
  /** Errors, or a warning for each open use. */
  readonly diagnostics: readonly Diagnostic[];
}

/** As many plans are made to find the images of all choices. */
const mostChoices = 256;

export function lockableImages(loaded: LoadedPipeline, context: CiContext, evaluator: Evaluator): Lockable {
  const { free, choices } = chooseParams(loaded.pipeline.params ?? {});
  const images = new Set<string>();
  const open = new Map<string, ImageUse>();
  const diagnostics: Diagnostic[] = [];
  for (const params of choices) {
    const request = { jobs: [], matrix: {}, params, context, withNeeds: true };
    const { plan, diagnostics: problems } = planPipeline(loaded, request, evaluator);
    if (!plan) return { images, open: [], diagnostics: problems };
    const now = imageUses(plan, scopeWithout(plan, [], free.unset, evaluator), evaluator);
    const always = imageUses(plan, scopeWithout(plan, ['git', 'event'], free.all, evaluator), evaluator);
    for (const [index, use] of now.entries()) {
      const { user, template, reference } = use;
      if (always[index]?.reference === null) open.set(`${user} ${template}`, use);
      if (reference === null || pinnedDigest(reference) !== null) continue;
      const problem = imageProblem(reference);
      if (problem === null) images.add(reference);
      else diagnostics.push({ severity: 'error', code: 'invalid-image', message: `${user}: ${problem}` });
    }
  }
  const warnings = [...open.values()].map(warnOpen);
  return { images, open: [...open.values()], diagnostics: [...diagnostics, ...warnings] };
}

const warnOpen = ({ user, template, reference }: ImageUse): Diagnostic => ({
  severity: 'warning',
  code: 'image-not-locked',
  message:
    reference === null
      ? `${user}: only a run knows the image ${template}`
      : `${user}: the image ${template} is ${reference} here, and may be another elsewhere`,
  hint: 'name what it may come to: lockstep lock IMAGE…',
});

/** What expressions may read, but for these contexts and params. */
function scopeWithout(
  plan: Plan,
  contexts: readonly string[],
  params: ReadonlySet<string>,
  evaluator: Evaluator,
): KnownScope {
  const { contexts: all, ...scope } = runScope({ ...plan, env: {} }, evaluator);
  const kept = Object.entries(all).filter(([name]) => !contexts.includes(name));
  const known = Object.entries(plan.params).filter(([name]) => !params.has(name));
  const bare = { ...scope, contexts: { ...Object.fromEntries(kept), params: Object.fromEntries(known) } };
  return withEnv(bare, knownTexts(plan.env, bare, evaluator));
}

interface Choices {
  /** Params whose values cannot be listed, and those among them that no run can do without giving. */
  readonly free: { readonly all: ReadonlySet<string>; readonly unset: ReadonlySet<string> };
  readonly choices: readonly Readonly<Record<string, string>>[];
}

function chooseParams(params: Readonly<Record<string, Param>>): Choices {
  let choices: readonly Readonly<Record<string, string>>[] = [{}];
  const free = { all: new Set<string>(), unset: new Set<string>() };
  for (const [name, param] of Object.entries(params)) {
    const values = valuesOf(param);
    if (values.length > 0 && values.length * choices.length <= mostChoices) {
      choices = choices.flatMap((before) => values.map((value) => ({ ...before, [name]: value })));
      continue;
    }
    free.all.add(name);
    if (param.default !== undefined || param.required !== true) continue;
    free.unset.add(name);
    const sample = values[0] ?? (param.type === 'number' ? '0' : '');
    choices = choices.map((before) => ({ ...before, [name]: sample }));
  }
  return { free, choices };
}

const valuesOf = ({ type, options = [] }: Param): readonly string[] =>
  type === 'choice' ? options.map(String) : type === 'boolean' ? ['true', 'false'] : [];
