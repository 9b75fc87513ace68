// A matrix with `include` and `exclude` → its combinations, by GitHub's rules:
// https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstrategymatrix
import type { DiagnosticCode } from '../model/diagnostic.ts';
import { instanceName } from '../model/instance-name.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../model/json.ts';
import type { MatrixValues } from '../model/plan.ts';
import { suggestion } from './nearest-name.ts';

export interface MatrixProblem {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly hint?: string;
  /** The key of the matrix that is to blame. */
  readonly key?: string;
}

type Expanded = { readonly instances: readonly MatrixValues[] } | { readonly problem: MatrixProblem };

const mostInstances = 256;
/** `exclude` may bring a product under the limit, but not one that would take all memory to write out. */
const largestProduct = 100_000;

/** An empty list where nothing is left: whether that is an error depends on where the matrix comes from. */
export function expandMatrix(matrix: JsonValue): Expanded {
  const read = readMatrix(matrix);
  if ('problem' in read) return read;
  const { axes, include, exclude } = read;
  const size = axes.reduce((product, [, values]) => product * values.length, 1);
  if (size > largestProduct) return tooLarge(size);
  const originals = axes.length === 0 ? [] : product(axes);
  const kept = originals.filter((values) => !exclude.some((entry) => holds(values, entry)));
  const instances = addIncluded(kept, new Set(axes.map(([key]) => key)), include);
  if (instances.length > mostInstances) return tooLarge(instances.length);
  const twice = firstTwice(instances.map((values) => instanceName('', values)));
  if (twice === null) return { instances };
  return { problem: { code: 'duplicate-key', message: `the matrix has the combination ${twice} twice` } };
}

const tooLarge = (size: number): Expanded => ({
  problem: {
    code: 'matrix-too-large',
    message: `the matrix has ${size} combinations, more than ${mostInstances}`,
  },
});

interface MatrixParts {
  readonly axes: readonly (readonly [string, readonly JsonValue[]])[];
  readonly include: readonly JsonObject[];
  readonly exclude: readonly JsonObject[];
}

/** A matrix from the file has this shape already; one that a job put out may be anything. */
function readMatrix(matrix: JsonValue): MatrixParts | { readonly problem: MatrixProblem } {
  if (!isObject(matrix)) {
    const hint = typeof matrix === 'string' ? 'turn the text into an object with fromJSON(…)' : undefined;
    return wrong('a matrix is an object of lists', undefined, hint);
  }
  const { include = [], exclude = [], ...rest } = matrix;
  const axes: [string, readonly JsonValue[]][] = [];
  for (const [key, values] of Object.entries(rest)) {
    if (!/^[a-zA-Z_][a-zA-Z0-9_-]*$/.test(key)) return wrong(`'${key}' cannot be a name of the matrix`, key);
    if (!isList(values)) return wrong(`'${key}' of the matrix is no list`, key);
    axes.push([key, values]);
  }
  if (!isList(include) || !include.every(isObject))
    return wrong('`include` is no list of objects', 'include');
  if (!isList(exclude) || !exclude.every(isObject))
    return wrong('`exclude` is no list of objects', 'exclude');
  const known = Object.keys(rest);
  const unknown = exclude.flatMap((entry) => Object.keys(entry)).find((key) => !known.includes(key));
  if (unknown === undefined) return { axes, include, exclude };
  const hint = suggestion(unknown, known);
  const message = `\`exclude\` names '${unknown}', which the matrix has not`;
  return { problem: { code: 'unknown-key', message, key: 'exclude', ...(hint !== undefined && { hint }) } };
}

const wrong = (message: string, key?: string, hint?: string): { readonly problem: MatrixProblem } => ({
  problem: {
    code: 'wrong-type',
    message,
    ...(key !== undefined && { key }),
    ...(hint !== undefined && { hint }),
  },
});

const isList = (value: JsonValue): value is readonly JsonValue[] => Array.isArray(value);
const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The first key varies slowest. */
const product = (axes: MatrixParts['axes']): MatrixValues[] =>
  axes.reduce<MatrixValues[]>(
    (rows, [key, values]) => rows.flatMap((row) => values.map((value) => ({ ...row, [key]: value }))),
    [{}],
  );

const hasValue = (values: MatrixValues, key: string, value: JsonValue): boolean =>
  Object.hasOwn(values, key) && canonicalJson(values[key]) === canonicalJson(value);

const holds = (values: MatrixValues, entry: JsonObject): boolean =>
  Object.entries(entry).every(([key, value]) => hasValue(values, key, value));

/**
 * An entry joins each combination of the axes that it does not contradict, and may replace what earlier entries brought;
 * one that joins none becomes a combination of its own, which no later entry joins.
 */
function addIncluded(
  kept: readonly MatrixValues[],
  axes: ReadonlySet<string>,
  include: readonly JsonObject[],
): readonly MatrixValues[] {
  const rows = kept.map((original) => ({ original, values: original }));
  const own: MatrixValues[] = [];
  for (const entry of include) {
    const onAxes = Object.entries(entry).filter(([key]) => axes.has(key));
    const joined = rows.filter(({ original }) =>
      onAxes.every(([key, value]) => hasValue(original, key, value)),
    );
    for (const row of joined) row.values = { ...row.values, ...entry };
    if (joined.length === 0) own.push(inOrder(entry, axes));
  }
  return [...rows.map(({ values }) => values), ...own];
}

/** Keys in the order of the axes, those that only `include` brings last. */
function inOrder(entry: JsonObject, axes: ReadonlySet<string>): MatrixValues {
  const order = [...axes].filter((key) => Object.hasOwn(entry, key));
  return { ...Object.fromEntries(order.map((key) => [key, entry[key] ?? null])), ...entry };
}

const firstTwice = (names: readonly string[]): string | null =>
  names.find((name, index) => names.indexOf(name) !== index) ?? null;
