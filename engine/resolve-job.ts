// A planned job instance and what its needs gave → the job with every expression resolved that is known before its steps.
import type { Evaluator, Scope, Standing } from '../src/contract/evaluator.ts';
import { imageProblem } from '../src/model/image-reference.ts';
import { parseDuration } from '../src/model/duration.ts';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import type { JsonObject } from '../src/model/json.ts';
import type { MatrixValues, Plan, PlannedJob, PlannedService, Template } from '../src/model/plan.ts';

/** One combination of a job's matrix; a job without a matrix has one instance, under its own name. */
export interface JobInstance {
  readonly id: string;
  readonly job: PlannedJob;
  readonly matrix: MatrixValues;
}

export type Env = Readonly<Record<string, string>>;

export interface ResolvedService extends Omit<PlannedService, 'image' | 'env' | 'command'> {
  readonly name: string;
  readonly image: string;
  readonly env: Env;
  readonly command: readonly string[] | null;
}

export interface ResolvedJob {
  readonly image: string;
  readonly env: Env;
  readonly timeoutMs: number;
  readonly services: readonly ResolvedService[];
  /** What expressions of the job's steps may read, but for `steps` and the step's own `env`. */
  readonly contexts: JsonObject;
}

/** The contexts of a job before its own `env` is known; `needs` as `needsContext` makes it. */
export function jobContexts(plan: Plan, matrix: MatrixValues, needs: JsonObject): JsonObject {
  const { git, event, run } = plan.context;
  return {
    params: plan.params,
    matrix,
    needs,
    git: { ...git },
    event: { ...event, 'pull-request': event['pull-request'] && { ...event['pull-request'] } },
    run: { ...run },
  };
}

/** Failures have kind `pipeline`: the job ends with the reason `configuration`. */
export function resolveJob(
  plan: Plan,
  instance: JobInstance,
  needs: JsonObject,
  standing: Standing,
  evaluator: Evaluator,
): Outcome<ResolvedJob> {
  const { job } = instance;
  const contexts = jobContexts(plan, instance.matrix, needs);
  const runEnv = resolveEnv(plan.env, { contexts: { ...contexts, env: {} }, standing }, evaluator);
  if (!runEnv.ok) return runEnv;
  const jobEnv = resolveEnv(job.env, { contexts: { ...contexts, env: runEnv.value }, standing }, evaluator);
  if (!jobEnv.ok) return jobEnv;
  const env = { ...runEnv.value, ...jobEnv.value };
  const scope: Scope = { contexts: { ...contexts, env }, standing };
  const image = resolveImage(job.image, scope, evaluator);
  if (!image.ok) return image;
  const timeoutMs = resolveDuration(job.timeout, scope, evaluator);
  if (!timeoutMs.ok) return timeoutMs;
  const services: ResolvedService[] = [];
  for (const [name, service] of Object.entries(job.services)) {
    const resolved = resolveService(name, service, scope, evaluator);
    if (!resolved.ok) return resolved;
    services.push(resolved.value);
  }
  return ok({ image: image.value, env, timeoutMs: timeoutMs.value, services, contexts: scope.contexts });
}

function resolveService(
  name: string,
  service: PlannedService,
  scope: Scope,
  evaluator: Evaluator,
): Outcome<ResolvedService> {
  const image = resolveImage(service.image, scope, evaluator);
  if (!image.ok) return image;
  const env = resolveEnv(service.env, scope, evaluator);
  if (!env.ok) return env;
  const command: string[] = [];
  for (const word of service.command ?? []) {
    const text = evaluator.text(word, scope);
    if (!text.ok) return text;
    command.push(text.value);
  }
  return ok({
    ...service,
    name,
    image: image.value,
    env: env.value,
    command: service.command === null ? null : command,
  });
}

function resolveImage(template: Template, scope: Scope, evaluator: Evaluator): Outcome<string> {
  const text = evaluator.text(template, scope);
  if (!text.ok) return text;
  const problem = imageProblem(text.value);
  return problem === null ? text : fail('pipeline', 'invalid-image', problem);
}

/** Values see the `env` of the scope, not each other. */
export function resolveEnv(
  templates: Readonly<Record<string, Template>>,
  scope: Scope,
  evaluator: Evaluator,
): Outcome<Env> {
  const entries: [string, string][] = [];
  for (const [name, template] of Object.entries(templates)) {
    const text = evaluator.text(template, scope);
    if (!text.ok) return text;
    if (text.value.includes('\0')) {
      return fail('pipeline', 'wrong-type', `the value of env ${name} holds a NUL character`);
    }
    entries.push([name, text.value]);
  }
  return ok(Object.fromEntries(entries));
}

export function resolveDuration(template: Template, scope: Scope, evaluator: Evaluator): Outcome<number> {
  const text = evaluator.text(template, scope);
  if (!text.ok) return text;
  const ms = parseDuration(text.value);
  return ms === null || ms === 0
    ? fail('pipeline', 'invalid-duration', `'${text.value}' is no duration`, {
        hint: 'write 90s, 20m or 1h30m',
      })
    : ok(ms);
}
