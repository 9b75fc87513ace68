// Whether a file has expressions → the evaluator for it: GitHub's package is loaded only where there is one.
import type { Evaluator } from '../contract/evaluator.ts';
import { ok } from '../model/failure.ts';

export const loadEvaluator = async (hasExpressions: boolean): Promise<Evaluator> =>
  hasExpressions ? (await import('./evaluator.ts')).createEvaluator() : plainEvaluator;

const none = (): never => {
  throw new Error('an expression in a file that has none');
};

const plainEvaluator: Evaluator = {
  text: ok,
  value: ok,
  condition: none,
  literalCondition: none,
  matrix: none,
};
