// The text of a pipeline file → a tree of values that know where they stand, with merges and aliases resolved.
import { isAlias, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Alias, Pair, ParsedNode, YAMLError, YAMLMap } from 'yaml';
import type { Diagnostic, DiagnosticCode } from '../model/diagnostic.ts';

/** UTF-16 offsets into the text. */
export interface Span {
  readonly offset: number;
  readonly length: number;
}

export type SourceNode = ScalarNode | ListNode | MapNode;

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly span: Span;
  readonly value: null | boolean | number | string;
}

export interface ListNode {
  readonly kind: 'list';
  readonly span: Span;
  readonly items: readonly SourceNode[];
}

export interface MapNode {
  readonly kind: 'map';
  readonly span: Span;
  readonly entries: ReadonlyMap<string, MapEntry>;
}

export interface MapEntry {
  readonly key: Span;
  readonly node: SourceNode;
}

export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

/** Far above any pipeline, far below what would slow us down. */
const largestFile = 1024 * 1024;
const mostAliasedNodes = 100_000;
const mostYamlErrors = 20;
/** Names that GitHub's expression package cannot look up. */
const reservedKeys = new Set(['__proto__', 'constructor']);

/** No root: the file is not YAML, or too much of it; the diagnostics say why. */
export function readSource(source: SourceFile): { root: SourceNode | null; diagnostics: Diagnostic[] } {
  const diagnostics: Diagnostic[] = [];
  const report: Report = (code, span, message, hint) => {
    const location = { file: source.file, ...span };
    diagnostics.push({ severity: 'error', code, message, location, ...(hint !== undefined && { hint }) });
  };
  if (source.text.length > largestFile) {
    report('file-too-large', { offset: 0, length: 0 }, 'a pipeline file has at most 1 MiB');
    return { root: null, diagnostics };
  }
  try {
    return { root: read(source.text, report), diagnostics };
  } catch (error) {
    // The YAML package recurses: a file nested a thousand levels deep ends its stack.
    if (!(error instanceof RangeError)) throw error;
    report('invalid-yaml', { offset: 0, length: 0 }, 'the file is nested too deep');
    return { root: null, diagnostics };
  }
}

type Report = (code: DiagnosticCode, span: Span, message: string, hint?: string) => void;

function read(text: string, report: Report): SourceNode | null {
  const document = parseDocument(text, { merge: false, uniqueKeys: false, prettyErrors: false });
  // Tags have their own message, below.
  const faults = document.errors.filter(({ code }) => code !== 'TAG_RESOLVE_FAILED');
  const errors = faults
    .filter((error, index) => !isFollowUp(error, faults[index - 1], text))
    .slice(0, mostYamlErrors);
  for (const error of errors) {
    const [start, end] = error.pos;
    report('invalid-yaml', { offset: start, length: Math.max(1, end - start) }, ...explain(error, text));
  }
  if (document.directives.yaml.version !== '1.2') {
    report(
      'invalid-yaml',
      { offset: 0, length: 5 },
      'a pipeline file is YAML 1.2',
      'leave the directive out',
    );
    return null;
  }
  if (errors.length > 0) return null;
  if (document.contents === null) {
    report('missing-key', { offset: 0, length: 0 }, 'the file is empty', 'it needs `version` and `jobs`');
    return null;
  }
  return convert(document.contents, text, report);
}

/** Whether the error comes only from how the parser went on after the one before. */
function isFollowUp(error: YAMLError, before: YAMLError | undefined, text: string): boolean {
  if (!before) return false;
  // It has lost its place: from here on it refuses every token.
  if (error.message.includes('in YAML stream')) return true;
  if (/^(?:All|Tabs) /.test(error.message) && error.message === before.message) return true;
  const [from, to] = [before.pos[0], error.pos[0]].sort((a, b) => a - b);
  return !text.slice(from, to).includes('\n');
}

function explain({ code, message, pos }: YAMLError, text: string): [message: string, hint?: string] {
  if (code === 'MULTIPLE_DOCS') return ['a second document starts here', 'a pipeline file is one document'];
  if (message.startsWith('Maximum call stack')) return ['the file is nested too deep'];
  const plain = message.charAt(0).toLowerCase() + message.slice(1);
  if (text.slice(pos[0] - 2, pos[0] + 2).includes('${'))
    return [plain, 'quote a text with ${{ inside […] or {…}'];
  const isKey = message.startsWith('Nested mappings') || message.startsWith('Block collections');
  return isKey ? [plain, 'a text that holds `: ` wants quotes'] : [plain];
}

interface Anchor {
  readonly node: SourceNode;
  /** How many nodes stand behind it, all aliases in it written out. */
  readonly weight: number;
}

/** Walks in the order of the text, so an alias means the last anchor of that name before it. */
function convert(contents: ParsedNode, text: string, report: Report): SourceNode | null {
  const anchors = new Map<string, Anchor | 'open'>();
  let nodes = 0;
  let aliased = 0;

  /** Of a list or a mapping the first line. */
  const spanOf = (node: ParsedNode): Span => {
    const [offset, end] = node.range;
    const lineEnd = isMap(node) || isSeq(node) ? text.indexOf('\n', offset) : -1;
    return { offset, length: Math.max(1, (lineEnd < 0 ? end : Math.min(end, lineEnd)) - offset) };
  };
  const nothing = (span: Span): ScalarNode => ({ kind: 'scalar', span, value: null });

  const visit = (node: ParsedNode): SourceNode => {
    nodes++;
    const span = spanOf(node);
    if (isAlias(node)) return follow(node.source, span);
    const tag = node.tag === undefined ? null : refuseTag(node);
    // `!failure()` without quotes: read on as if it had them.
    if (tag !== null && isScalar(node)) {
      return { kind: 'scalar', span: tag, value: text.slice(tag.offset, node.range[1]) };
    }
    const before = nodes + aliased;
    if (node.anchor !== undefined) anchors.set(node.anchor, 'open');
    const converted = visitValue(node, span);
    if (node.anchor !== undefined) {
      anchors.set(node.anchor, { node: converted, weight: nodes + aliased - before + 1 });
    }
    return converted;
  };

  const visitValue = (node: Exclude<ParsedNode, Alias.Parsed>, span: Span): SourceNode => {
    if (isMap(node)) return visitMap(node, span);
    if (isSeq(node)) return { kind: 'list', span, items: node.items.map((item) => visit(item)) };
    const { value } = node;
    const isPlain = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
    return { kind: 'scalar', span, value: isPlain ? value : null };
  };

  const follow = (name: string, span: Span): SourceNode => {
    const anchor = anchors.get(name);
    if (anchor === undefined || anchor === 'open') {
      const why =
        anchor === undefined ? `there is no anchor '${name}' before this` : `'${name}' holds itself`;
      report('invalid-yaml', span, why);
      return { kind: 'scalar', span, value: `*${name}` };
    }
    aliased += anchor.weight;
    if (aliased <= mostAliasedNodes) return anchor.node;
    if (aliased - anchor.weight <= mostAliasedNodes) {
      report('anchor-bomb', span, `aliases write out to more than ${mostAliasedNodes} values`);
    }
    return nothing(span);
  };

  const refuseTag = (node: ParsedNode): Span => {
    let offset = Math.max(0, text.lastIndexOf('!', node.range[0]));
    while (text[offset - 1] === '!') offset--;
    const tag = /^[^\s,}\]]*/.exec(text.slice(offset))?.[0] ?? '';
    const span = { offset, length: Math.max(1, tag.length) };
    report('invalid-yaml', span, `'${tag}' is a YAML tag`, 'quote it');
    return span;
  };

  const visitMap = (map: YAMLMap.Parsed, span: Span): MapNode => {
    const entries = new Map<string, MapEntry>();
    const merged = new Set<string>();
    for (const pair of map.items) {
      const key = keyOf(pair);
      if (key === null) continue;
      const value = pair.value === null ? nothing(key.span) : visit(pair.value);
      // A key without a value: there is nothing to point at but the key.
      const isEmpty =
        value.kind === 'scalar' && value.value === null && !/[~nN]/.test(text.charAt(value.span.offset));
      const node = isEmpty ? nothing(key.span) : value;
      if (key.name === '<<' && key.plain) {
        for (const [name, entry] of mergeSources(node)) {
          if (entries.has(name)) continue;
          entries.set(name, entry);
          merged.add(name);
        }
      } else if (reservedKeys.has(key.name)) {
        report('invalid-name', key.span, `'${key.name}' cannot be a name`);
      } else if (entries.has(key.name) && !merged.delete(key.name)) {
        report('duplicate-key', key.span, `'${key.name}' is here twice`);
      } else {
        entries.set(key.name, { key: key.span, node });
      }
    }
    return { kind: 'map', span, entries };
  };

  /** Keys are text as it stands: `010` is not 10. */
  const keyOf = ({
    key,
  }: Pair<ParsedNode, ParsedNode | null>): { name: string; plain: boolean; span: Span } | null => {
    const span = spanOf(key);
    if (isScalar(key)) {
      if (key.tag !== undefined) refuseTag(key);
      const plain = key.type === 'PLAIN';
      return { name: plain ? key.source : String(key.value), plain, span };
    }
    const target = isAlias(key) ? follow(key.source, span) : null;
    if (target?.kind === 'scalar') return { name: String(target.value), plain: false, span };
    report('invalid-yaml', span, 'a key is a text');
    return null;
  };

  const mergeSources = (node: SourceNode): readonly (readonly [string, MapEntry])[] => {
    if (node.kind === 'map') return [...node.entries];
    if (node.kind === 'list' && node.items.every((item) => item.kind === 'map')) {
      return node.items.flatMap(mergeSources);
    }
    report('invalid-yaml', node.span, '`<<` takes a mapping or a list of mappings');
    return [];
  };

  const root = visit(contents);
  return aliased > mostAliasedNodes ? null : root;
}
