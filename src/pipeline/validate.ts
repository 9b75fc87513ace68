// A source tree → the valid pipeline and its expressions, or every problem that there is.
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Pipeline } from '../model/pipeline.ts';
import { checkCaches, checkSecrets } from './rules/grants.ts';
import { checkExpressions } from './rules/expressions.ts';
import { checkCycles, checkGit, checkImages, checkNeeds, checkTakenArtifacts } from './rules/jobs.ts';
import { checkSteps } from './rules/steps.ts';
import { checkCase, checkMatrices, checkNumbers, checkParams } from './rules/values.ts';
import { checkShape } from './shape.ts';
import type { MapNode, SourceFile } from './source.ts';
import { collectTemplates } from './templates.ts';
import type { Rule, View } from './view.ts';

const rules: readonly Rule[] = [
  checkParams,
  checkSecrets,
  checkCaches,
  checkNeeds,
  checkCycles,
  checkTakenArtifacts,
  checkImages,
  checkGit,
  checkMatrices,
  checkSteps,
  checkNumbers,
  checkCase,
  checkExpressions,
];

const nothing: Pipeline = { version: 1, jobs: {} };

/** The view is whole only when no diagnostic is an error. */
export function validate(source: SourceFile, root: MapNode): { view: View; diagnostics: Diagnostic[] } {
  const shape = checkShape(root, source.file);
  const { templates, diagnostics } = collectTemplates(source, root);
  const view: View = { ...source, root, templates, pipeline: shape.pipeline ?? nothing };
  const found = rules.flatMap((rule) => [...rule(view)]);
  return { view, diagnostics: [...shape.diagnostics, ...diagnostics, ...found] };
}
