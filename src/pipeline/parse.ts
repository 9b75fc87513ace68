// The text of a pipeline file → a valid pipeline that remembers where everything stands, and all there is to say of it.
import type { Diagnostic } from '../model/diagnostic.ts';
import { readSource, type SourceFile } from './source.ts';
import { validate } from './validate.ts';
import { problem } from './problem.ts';
import type { View } from './view.ts';

/** What a plan is made of: the pipeline, its expressions, and the file they stand in. */
export type LoadedPipeline = View;

/** No pipeline when any of the diagnostics is an error. They come in the order of the file, each only once. */
export function parsePipeline(source: SourceFile): {
  pipeline: LoadedPipeline | null;
  diagnostics: Diagnostic[];
} {
  const { root, diagnostics } = readSource(source);
  if (root?.kind !== 'map') {
    if (root) diagnostics.push(problem(source, root.span, 'wrong-type', 'a pipeline file is a mapping'));
    return { pipeline: null, diagnostics };
  }
  const { view, diagnostics: found } = validate(source, root);
  const all = inOrder([...diagnostics, ...found]);
  const hasError = all.some(({ severity }) => severity === 'error');
  // What is unused may be so only because of an error.
  const shown = hasError ? all.filter(({ severity }) => severity === 'error') : all;
  return { pipeline: hasError ? null : view, diagnostics: shown };
}

/** A merged or aliased value is looked at in every place it comes to. */
function inOrder(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const unique = new Map(
    diagnostics.map((diagnostic) => [
      `${diagnostic.location?.offset ?? -1} ${diagnostic.code} ${diagnostic.message}`,
      diagnostic,
    ]),
  );
  return [...unique.values()].sort((a, b) => (a.location?.offset ?? -1) - (b.location?.offset ?? -1));
}
