// Params, matrices, numbers and names → values that mean something else than they seem to.
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Param } from '../../model/pipeline.ts';
import { expandMatrix } from '../expand.ts';
import { paramProblem } from '../params.ts';
import { problem } from '../problem.ts';
import { canonicalJson } from '../../model/json.ts';
import { keySpan, namesAt, nodeAt, plainValue, scalars, type Path } from '../tree.ts';
import { jobNames, spanAt, type View } from '../view.ts';

export function* checkParams(view: View): Iterable<Diagnostic> {
  for (const [name, param] of Object.entries(view.pipeline.params ?? {})) {
    const path = ['params', name];
    if (param.type === 'choice' && nodeAt(view.root, [...path, 'options']) === null) {
      yield problem(view, keySpan(view.root, path), 'missing-key', `the choice '${name}' has no options`);
      continue;
    }
    if (param.type !== 'choice' && param.options) {
      const span = keySpan(view.root, [...path, 'options']);
      yield problem(view, span, 'wrong-type', 'options belong to a param of type choice');
    }
    const wrong = defaultProblem(param);
    if (wrong !== null) yield problem(view, spanAt(view, [...path, 'default']), 'param-value', wrong);
  }
}

const defaultProblem = (param: Param): string | null =>
  param.default === undefined ? null : paramProblem(param, param.default);

/** A matrix without expressions is known now; one that depends on params or facts when the plan is made. */
export function* checkMatrices(view: View): Iterable<Diagnostic> {
  for (const [name, { matrix }] of Object.entries(view.pipeline.jobs)) {
    const path = ['jobs', name, 'matrix'];
    const holdsExpression = view.templates.some(
      (used) => used.path[1] === name && used.path[2] === 'matrix' && used.path[0] === 'jobs',
    );
    if (matrix === undefined || typeof matrix === 'string' || holdsExpression) continue;
    const written = nodeAt(view.root, path);
    if (!written || canonicalJson(plainValue(written)) !== canonicalJson(matrix)) continue;
    const expanded = expandMatrix(matrix);
    if ('problem' in expanded) {
      const { code, message, hint, key } = expanded.problem;
      yield problem(view, spanAt(view, key === undefined ? path : [...path, key]), code, message, hint);
    } else if (expanded.instances.length === 0) {
      yield problem(view, keySpan(view.root, path), 'empty-matrix', 'the matrix has no combination');
    }
  }
}

/** `3.10` is the number 3.1: where values become text, what is written must be what comes out. */
export function* checkNumbers(view: View): Iterable<Diagnostic> {
  for (const path of textPlaces(view)) {
    const node = nodeAt(view.root, path);
    if (!node) continue;
    for (const { node: scalar } of scalars(node)) {
      const { value, span } = scalar;
      if (typeof value !== 'number' && typeof value !== 'boolean') continue;
      const written = view.text.slice(span.offset, span.offset + span.length);
      if (written === String(value)) continue;
      const message = `${written} without quotes means ${value}`;
      yield problem(view, span, 'wrong-type', message, `quote it: "${written}"`);
    }
  }
}

function textPlaces(view: View): readonly Path[] {
  const places: Path[] = [['env'], ['params']];
  for (const job of jobNames(view.root)) {
    const path = ['jobs', job];
    places.push([...path, 'env'], [...path, 'matrix']);
    for (const service of namesAt(view.root, [...path, 'services']))
      places.push([...path, 'services', service, 'env']);
    for (const list of ['steps', 'finally']) {
      const steps = nodeAt(view.root, [...path, list]);
      if (steps?.kind === 'list')
        steps.items.forEach((_, index) => places.push([...path, list, index, 'env']));
    }
  }
  return places;
}

/** Look-ups in expressions ignore case, and so do some file systems. */
export function* checkCase(view: View): Iterable<Diagnostic> {
  const places: Path[] = [['params'], ['jobs']];
  for (const job of jobNames(view.root)) {
    for (const key of ['outputs', 'artifacts', 'matrix']) places.push(['jobs', job, key]);
  }
  for (const path of places) {
    const seen = new Map<string, string>();
    if (nodeAt(view.root, path)?.kind !== 'map') continue;
    for (const name of namesAt(view.root, path)) {
      const other = seen.get(name.toLowerCase());
      seen.set(name.toLowerCase(), name);
      if (other === undefined) continue;
      const message = `'${name}' and '${other}' differ only in case, which look-ups ignore`;
      yield problem(view, keySpan(view.root, [...path, name]), 'duplicate-key', message);
    }
  }
}
