// The matrix of a job → its instances where params and facts suffice to know them, else the template for the run.
import type { Evaluator, Scope } from '../contract/evaluator.ts';
import type { CiContext } from '../model/ci-context.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { ok, type Outcome } from '../model/failure.ts';
import type { JsonValue } from '../model/json.ts';
import type { ParamValue, PlannedJob } from '../model/plan.ts';
import { expandMatrix } from './expand.ts';
import type { LoadedPipeline } from './loaded.ts';
import { problem } from './problem.ts';

type Resolved = { readonly matrix: PlannedJob['matrix'] } | { readonly diagnostic: Diagnostic };

export interface KnownFacts {
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly context: CiContext;
}

export function resolveMatrix(
  loaded: LoadedPipeline,
  job: string,
  known: KnownFacts,
  evaluator: Evaluator,
): Resolved {
  const matrix = loaded.pipeline.jobs[job]?.matrix;
  const about = loaded.jobs[job]?.matrix;
  if (matrix === undefined || !about) return { matrix: { instances: [{}] } };
  const whole = typeof matrix === 'string';
  if (whole && !about.isKnownNow) return { matrix: { template: matrix } };
  const value = evaluateTexts(matrix, scopeOf(known), evaluator);
  if (!value.ok) {
    const { message, hint } = value.failure;
    return { diagnostic: problem(loaded, about.span, 'invalid-expression', message, hint) };
  }
  const expanded = expandMatrix(value.value);
  if ('instances' in expanded) return { matrix: expanded };
  const { code, message, hint, key } = expanded.problem;
  const own = key !== undefined && Object.hasOwn(about.keys, key) ? about.keys[key] : undefined;
  return { diagnostic: problem(loaded, own ?? about.span, code, message, hint) };
}

const scopeOf = ({ params, context: { git, event } }: KnownFacts): Scope => ({
  contexts: {
    params,
    git: { ...git },
    event: { ...event, 'pull-request': event['pull-request'] && { ...event['pull-request'] } },
  },
  standing: { success: true, failure: false, cancelled: false },
});

function evaluateTexts(value: JsonValue, scope: Scope, evaluator: Evaluator): Outcome<JsonValue> {
  if (typeof value === 'string') return value.includes('${{') ? evaluator.value(value, scope) : ok(value);
  if (typeof value !== 'object' || value === null) return ok(value);
  const entries: [string, JsonValue][] = [];
  for (const [key, member] of Object.entries(value)) {
    const result = evaluateTexts(member, scope, evaluator);
    if (!result.ok) return result;
    entries.push([key, result.value]);
  }
  return ok(Array.isArray(value) ? entries.map(([, member]) => member) : Object.fromEntries(entries));
}
