// Templates of a plan → what they come to where params, facts and the matrix suffice to say.
import type { Evaluator, Scope } from '../contract/evaluator.ts';
import type { JsonObject } from '../model/json.ts';
import type { MatrixValues, Plan, Template } from '../model/plan.ts';
import type { PreviewText } from '../model/plan-preview.ts';
import { parseTemplate, type Read } from './expression.ts';

/** What expressions may read before the run; `unknownEnv` are the variables of `env` that only it knows, params may lack some. */
export interface KnownScope extends Scope {
  readonly env: Readonly<Record<string, string>>;
  readonly unknownEnv: ReadonlySet<string>;
}

type Texts = Readonly<Record<string, PreviewText>>;

/** The scope in which a job's `if` stands, and its matrix. */
export function runScope(plan: Plan, evaluator: Evaluator): KnownScope {
  const { git, event } = plan.context;
  const contexts: JsonObject = {
    params: plan.params,
    git: { ...git },
    event: { ...event, 'pull-request': event['pull-request'] && { ...event['pull-request'] } },
  };
  const standing = { success: true, failure: false, cancelled: false };
  const scope: KnownScope = { contexts, standing, env: {}, unknownEnv: new Set() };
  return withEnv(scope, knownTexts(plan.env, scope, evaluator));
}

export const withMatrix = (scope: KnownScope, matrix: MatrixValues): KnownScope => ({
  ...scope,
  contexts: { ...scope.contexts, matrix },
});

export function withEnv(scope: KnownScope, texts: Texts): KnownScope {
  const unknownEnv = new Set(scope.unknownEnv);
  const env = { ...scope.env };
  for (const [name, { value }] of Object.entries(texts)) {
    unknownEnv.delete(name);
    if (value === null) unknownEnv.add(name);
    else env[name] = value;
  }
  return { ...scope, contexts: { ...scope.contexts, env }, env, unknownEnv };
}

/** The first thing read that only the run knows, e.g. `needs.build`; null when there is none. */
export function unknownRead(reads: readonly Read[], scope: KnownScope): string | null {
  for (const { context, path } of reads) {
    const name = path[0]?.name ?? null;
    const read = name === null ? context : `${context}.${name}`;
    if (!Object.hasOwn(scope.contexts, context)) return read;
    const meant = (known: string): boolean => name === null || known.toLowerCase() === name.toLowerCase();
    if (context === 'env' && [...scope.unknownEnv].some(meant)) return read;
    const { params = null } = scope.contexts;
    if (context === 'params' && params !== null && !Object.keys(params).some(meant)) return read;
  }
  return null;
}

export function knownText(template: Template, scope: KnownScope, evaluator: Evaluator): PreviewText {
  const parsed = parseTemplate(template);
  const parts = 'value' in parsed ? parsed.value : [];
  const reads = parts.flatMap((part) => (typeof part === 'string' ? [] : part.reads));
  if (unknownRead(reads, scope) !== null) return { template, value: null };
  const text = evaluator.text(template, scope);
  return { template, value: text.ok ? text.value : null };
}

export const knownTexts = (
  templates: Readonly<Record<string, Template>>,
  scope: KnownScope,
  evaluator: Evaluator,
): Texts =>
  Object.fromEntries(
    Object.entries(templates).map(([name, template]) => [name, knownText(template, scope, evaluator)]),
  );
