// All texts of a file that hold expressions, parsed, each with its place and where its characters stand.
import type { Diagnostic } from '../model/diagnostic.ts';
import { placeOf, type Place } from './contexts.ts';
import { parseCondition, parseTemplate, type Expression } from './expression.ts';
import type { MapNode, ScalarNode, SourceFile, Span } from './source.ts';
import { scalars, spanInScalar, type Path } from './tree.ts';
import { problem } from './problem.ts';

export interface UsedTemplate {
  readonly path: Path;
  readonly place: Place;
  readonly text: string;
  readonly node: ScalarNode;
  readonly expressions: readonly Expression[];
}

export interface Templates {
  readonly templates: readonly UsedTemplate[];
  readonly diagnostics: readonly Diagnostic[];
}

export function collectTemplates(source: SourceFile, root: MapNode): Templates {
  const templates: UsedTemplate[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const [key, entry] of root.entries) {
    if (key.startsWith('x-')) continue;
    for (const { path, node } of scalars(entry.node, [key])) {
      if (typeof node.value !== 'string') continue;
      const found = readText(source, path, node, node.value);
      if (found === null) continue;
      if ('place' in found) templates.push(found);
      else diagnostics.push(found);
    }
  }
  return { templates, diagnostics };
}

function readText(
  source: SourceFile,
  path: Path,
  node: ScalarNode,
  text: string,
): UsedTemplate | Diagnostic | null {
  const place = placeOf(path);
  const isCondition = place === 'job-if' || place === 'step-if';
  if (!isCondition && !text.includes('${{')) return null;
  const span = (part: Span): Span => spanInTemplate(source.text, node, text, part);
  if (place === null || place === 'script') {
    const offset = text.indexOf('${{');
    const end = text.indexOf('}}', offset);
    const expression = span({ offset, length: (end < 0 ? text.length : end + 2) - offset });
    return place === 'script'
      ? problem(
          source,
          expression,
          'expression-in-script',
          'an expression never becomes text of a script',
          'give the value a name in `env` and read "$NAME" here',
        )
      : problem(source, expression, 'expression-not-allowed', 'there is no expression here');
  }
  const parsed = isCondition ? condition(text) : parseTemplate(text);
  if ('problem' in parsed) {
    const { code, message, hint } = parsed.problem;
    return problem(source, span(parsed.problem), code, message, hint);
  }
  const expressions = parsed.value.filter((part) => typeof part === 'object');
  return { path, place, text, node, expressions };
}

function condition(text: string): ReturnType<typeof parseTemplate> {
  const parsed = parseCondition(text);
  return 'problem' in parsed ? parsed : { value: [parsed.value] };
}

/** A stretch of the template as a stretch of the file. */
export const spanInTemplate = (fileText: string, node: ScalarNode, template: string, part: Span): Span =>
  spanInScalar(fileText, node.span, template, part.offset, part.offset + part.length);
