// The text of a pipeline file → what a plan is made of, and all there is to say of the text.
import type { Diagnostic } from '../model/diagnostic.ts';
import { readSource, type SourceFile } from './source.ts';
import { validate } from './validate.ts';
import { loadView, type LoadedPipeline } from './loaded.ts';
import { problem } from './problem.ts';

export interface ParsedFile {
  /** Null when one of the diagnostics is an error. */
  readonly pipeline: LoadedPipeline | null;
  /** In the order of the file, each only once. */
  readonly diagnostics: readonly Diagnostic[];
}

export function parsePipeline(source: SourceFile): ParsedFile {
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
  return { pipeline: hasError ? null : loadView(view), diagnostics: shown };
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
