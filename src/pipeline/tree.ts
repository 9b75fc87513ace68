// Paths through a source tree: the value at a path, where it stands, and where a character of a text stands.
import type { MapNode, ScalarNode, SourceNode, Span } from './source.ts';

export type Path = readonly (string | number)[];

/** The node at the path, or null. */
export function nodeAt(root: SourceNode, path: Path): SourceNode | null {
  let node: SourceNode | null = root;
  for (const segment of path) node = node && child(node, segment);
  return node;
}

function child(node: SourceNode, segment: string | number): SourceNode | null {
  if (node.kind === 'map') return node.entries.get(String(segment))?.node ?? null;
  return node.kind === 'list' ? (node.items[Number(segment)] ?? null) : null;
}

/** The deepest node that the path leads to: a short form has no node for what it leaves out. */
export function nearestNode(root: SourceNode, path: Path): SourceNode {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(root, path.slice(0, length));
    if (node) return node;
  }
  return root;
}

/** Where the key stands that the path ends in, else the value. */
export function keySpan(root: SourceNode, path: Path): Span {
  const parent = nodeAt(root, path.slice(0, -1));
  const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
  return entry?.key ?? nearestNode(root, path).span;
}

/** Names as they are declared: the keys of a mapping, the texts of a list. */
export function namesAt(root: SourceNode, path: Path): readonly string[] {
  const node = nodeAt(root, path);
  if (node?.kind === 'map') return [...node.entries.keys()];
  if (node?.kind !== 'list') return [];
  return node.items.flatMap((item) =>
    item.kind === 'scalar' && typeof item.value === 'string' ? [item.value] : [],
  );
}

/** What a JSON parser would give. */
export function plainValue(node: SourceNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  return plainObject(node, () => true);
}

export const plainObject = (node: MapNode, keep: (key: string) => boolean): Record<string, unknown> =>
  Object.fromEntries(
    [...node.entries].filter(([key]) => keep(key)).map(([key, entry]) => [key, plainValue(entry.node)]),
  );

/** All scalars below a node with their paths, in the order of the file. */
export function scalars(node: SourceNode, path: Path = []): readonly PlacedScalar[] {
  const found: PlacedScalar[] = [];
  const visit = (at: SourceNode, here: Path): void => {
    if (at.kind === 'scalar') found.push({ path: here, node: at });
    else if (at.kind === 'list') at.items.forEach((item, index) => visit(item, [...here, index]));
    else at.entries.forEach((entry, key) => visit(entry.node, [...here, key]));
  };
  visit(node, path);
  return found;
}

export interface PlacedScalar {
  readonly path: Path;
  readonly node: ScalarNode;
}

/**
 * The stretch `[start, end)` of a scalar's value as a stretch of the file. Quotes, escapes, folding and indentation come
 * and go only with white space and backslashes, so the characters that are neither are counted.
 */
export function spanInScalar(text: string, scalar: Span, value: string, start: number, end: number): Span {
  const source = text.slice(scalar.offset, scalar.offset + scalar.length);
  const units = sourceUnits(source);
  const from = units[inkBefore(value, start)];
  const to = units[Math.max(inkBefore(value, start), inkBefore(value, end) - 1)];
  if (!from || !to) return scalar;
  return { offset: scalar.offset + from.offset, length: to.offset + to.length - from.offset };
}

const inkBefore = (value: string, end: number): number => value.slice(0, end).replace(/\s/g, '').length;

/** One stretch of the source for each character of the value that is no white space. */
function sourceUnits(source: string): Span[] {
  const style = source.charAt(0);
  const quoted = style === '"' || style === "'";
  const block = style === '|' || style === '>';
  const start = block ? (/^.*/.exec(source)?.[0].length ?? 0) : Number(quoted);
  const body = source.slice(start, quoted ? -1 : undefined);
  const unit = style === '"' ? doubleQuoted : style === "'" ? singleQuoted : /[^]/g;
  return [...body.matchAll(unit)]
    .filter(([match]) => !whiteSpace.test(match))
    .map((match) => ({ offset: start + match.index, length: match[0].length }));
}

const singleQuoted = /''|[^]/g;
const doubleQuoted = /\\(?:x\w{2}|u\w{4}|U\w{8}|[^])|[^]/g;
const whiteSpace = /^(?:\s|\\[\sntrfv])$/;
