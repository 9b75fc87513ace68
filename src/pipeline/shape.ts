// A source tree → what the schema makes of it, and a diagnostic for each value that does not fit.
import type { Diagnostic } from '../model/diagnostic.ts';
import { pipelineSchema, type Pipeline } from '../model/pipeline.ts';
import { allowedKeys, describeIssues, leavesOf, type Leaf } from './issue.ts';
import type { MapNode } from './source.ts';
import { plainObject, type Path } from './tree.ts';

/** `x-…` keys at the top hold anchors. */
const isFree = (key: string): boolean => key.startsWith('x-');

export interface Shape {
  /** What fits, so that the rules find more in the same pass; null when nothing useful is left. */
  readonly pipeline: Pipeline | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function checkShape(root: MapNode, file: string): Shape {
  const plain = plainObject(root, (key) => !isFree(key));
  const parsed = pipelineSchema.safeParse(plain, { error: allowedKeys });
  if (parsed.success) return { pipeline: parsed.data, diagnostics: [] };
  const leaves = leavesOf(parsed.error.issues, root);
  return { pipeline: heal(plain, leaves, root), diagnostics: describeIssues(leaves, root, file) };
}

/** Takes away what does not fit, then what misses it, until the rest does. */
function heal(plain: Record<string, unknown>, issues: readonly Leaf[], root: MapNode): Pipeline | null {
  let left = issues;
  // Each round goes up at least one level of what does not fit, and the language has no more levels than that.
  for (let round = 0; round < 12; round++) {
    const culprits = left.flatMap((leaf) => culpritsOf(plain, leaf));
    for (const { holder, key } of culprits) Reflect.deleteProperty(holder, key);
    const parsed = pipelineSchema.safeParse({ ...plain, version: 1, jobs: plain.jobs ?? {} });
    if (parsed.success) return parsed.data;
    left = leavesOf(parsed.error.issues, root);
  }
  return null;
}

interface Culprit {
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** A list must keep its places and what is missing cannot go: then it is what holds it. */
function culpritsOf(plain: Record<string, unknown>, { issue, path }: Leaf): readonly Culprit[] {
  if (issue.code === 'unrecognized_keys') {
    const holder = valueAt(plain, path);
    return isRecord(holder) ? issue.keys.map((key) => ({ holder, key })) : [];
  }
  for (let length = path.length; length > 0; length--) {
    const holder = valueAt(plain, path.slice(0, length - 1));
    const key = String(path[length - 1]);
    if (isRecord(holder) && Object.hasOwn(holder, key)) return [{ holder, key }];
  }
  return [];
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, segment) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, segment)
        ? Reflect.get(at, segment)
        : undefined,
    value,
  );
}
