// Templates and what their contexts hold → values, by GitHub's own evaluator.
import {
  Array as ListData,
  BooleanData,
  Dictionary,
  Kind,
  Null,
  NumberData,
  StringData,
} from '@actions/expressions/data/index';
import type { ExpressionData } from '@actions/expressions/data/index';
import { Evaluator as ExpressionEvaluator } from '@actions/expressions/evaluator';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';
import { truthy } from '@actions/expressions/result';
import type { Evaluator, Scope, Standing } from '../contract/evaluator.ts';
import type { DiagnosticCode } from '../model/diagnostic.ts';
import { ok, type Failure, type Outcome } from '../model/failure.ts';
import type { JsonValue } from '../model/json.ts';
import type { Condition, MatrixValues, Template } from '../model/plan.ts';
import { expandMatrix } from './expand.ts';
import { parseExpression, parseTemplate, statusFunctions } from './expression.ts';
import type { Expression, Parsed, TemplatePart } from './expression.ts';

/** What was parsed once is kept: templates come from the file, so there is an end to them. */
export function createEvaluator(): Evaluator {
  const templates = remember(parseTemplate);
  const conditions = remember((text: string) => parseExpression(text, 0));

  const value = (template: Template, scope: Scope): Outcome<JsonValue> => {
    const parsed = templates(template);
    if ('problem' in parsed) return failed(parsed.problem.code, parsed.problem.message, parsed.problem.hint);
    const only = onlyExpression(parsed.value);
    if (!only) return join(parsed.value, template, scope);
    const result = evaluate(only, template, scope);
    return result.ok ? ok(fromData(result.value)) : result;
  };

  const text = (template: Template, scope: Scope): Outcome<string> => {
    const parsed = templates(template);
    if ('problem' in parsed) return failed(parsed.problem.code, parsed.problem.message, parsed.problem.hint);
    return join(parsed.value, template, scope);
  };

  const literalCondition = (condition: Condition, scope: Scope): Outcome<boolean> => {
    const parsed = conditions(condition.expression);
    if ('problem' in parsed) return failed(parsed.problem.code, parsed.problem.message, parsed.problem.hint);
    const result = evaluate(parsed.value, condition.expression, scope);
    return result.ok ? ok(truthy(result.value)) : result;
  };

  const condition = (asked: Condition, scope: Scope): Outcome<boolean> =>
    asked.callsStatus || scope.standing.success ? literalCondition(asked, scope) : ok(false);

  const matrix = (template: Template, scope: Scope): Outcome<readonly MatrixValues[]> => {
    const result = value(template, scope);
    if (!result.ok) return result;
    const expanded = expandMatrix(result.value);
    if ('instances' in expanded) return ok(expanded.instances);
    return failed(expanded.problem.code, expanded.problem.message, expanded.problem.hint);
  };

  return { text, condition, literalCondition, matrix, value };
}

function remember<T>(parse: (text: string) => Parsed<T>): (text: string) => Parsed<T> {
  const known = new Map<string, Parsed<T>>();
  return (text) => {
    const parsed = known.get(text) ?? parse(text);
    known.set(text, parsed);
    return parsed;
  };
}

function onlyExpression(parts: readonly TemplatePart[]): Expression | null {
  const rest = parts.filter((part) => typeof part !== 'string' || part.trim() !== '');
  return rest.length === 1 && typeof rest[0] === 'object' ? rest[0] : null;
}

/** Null as text is `''`. */
function join(parts: readonly TemplatePart[], template: Template, scope: Scope): Outcome<string> {
  let whole = '';
  for (const part of parts) {
    if (typeof part === 'string') {
      whole += part;
      continue;
    }
    const result = evaluate(part, template, scope);
    if (!result.ok) return result;
    if (!result.value.primitive) {
      const what = result.value.kind === Kind.Array ? 'a list' : 'an object';
      const message = `\`${sourceOf(part, template)}\` is ${what}, where a text is wanted`;
      return failed('wrong-type', message, 'use join(…) or toJSON(…)');
    }
    whole += result.value.coerceString();
  }
  return whole.includes('\0') ? failed('wrong-type', `\`${template}\` gives a NUL character`) : ok(whole);
}

const sourceOf = ({ span }: Expression, template: string): string =>
  template.slice(span.offset, span.offset + span.length).trim();

function evaluate(expression: Expression, template: string, scope: Scope): Outcome<ExpressionData> {
  const contexts = new Dictionary();
  for (const { context } of expression.reads) {
    const held = Object.hasOwn(scope.contexts, context) ? scope.contexts[context] : null;
    contexts.add(context, toData(held ?? null));
  }
  try {
    const functions = statusDefinitions(scope.standing);
    return ok(new ExpressionEvaluator(expression.root, contexts, functions).evaluate());
  } catch (error) {
    // The package throws plain errors for what a value makes wrong: fromJSON of no JSON, format with too few values.
    if (!(error instanceof Error)) throw error;
    return failed('invalid-expression', `\`${sourceOf(expression, template)}\`: ${error.message}`);
  }
}

function statusDefinitions(standing: Standing): Map<string, FunctionDefinition> {
  const answers = { ...standing, always: true };
  return new Map(
    statusFunctions.map((name) => [
      name,
      { name, minArgs: 0, maxArgs: 0, call: () => new BooleanData(answers[name]) },
    ]),
  );
}

function toData(value: JsonValue): ExpressionData {
  if (value === null) return new Null();
  if (typeof value === 'string') return new StringData(value);
  if (typeof value === 'number') return new NumberData(value);
  if (typeof value === 'boolean') return new BooleanData(value);
  if (isList(value)) return new ListData(...value.map(toData));
  return new Dictionary(...Object.entries(value).map(([key, member]) => ({ key, value: toData(member) })));
}

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);

function fromData(data: ExpressionData): JsonValue {
  if (data instanceof Dictionary) {
    return Object.fromEntries(data.pairs().map(({ key, value }) => [key, fromData(value)]));
  }
  if (data instanceof ListData) return data.values().map(fromData);
  return data instanceof Null ? null : data.value;
}

const failed = (
  code: DiagnosticCode,
  message: string,
  hint?: string,
): { readonly ok: false; readonly failure: Failure } => ({
  ok: false,
  failure: { kind: 'pipeline', code, message, ...(hint !== undefined && { hint }) },
});
