// What the rules look at: the file as it is written, what of it fits the schema, and its expressions.
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Pipeline } from '../model/pipeline.ts';
import type { MapNode, Span } from './source.ts';
import type { UsedTemplate } from './templates.ts';
import { namesAt, nearestNode, nodeAt, type Path } from './tree.ts';

/**
 * A rule that concludes from something not being there asks `root`: `pipeline` lacks what did not fit the schema.
 */
export interface View {
  readonly file: string;
  readonly text: string;
  readonly root: MapNode;
  readonly pipeline: Pipeline;
  readonly templates: readonly UsedTemplate[];
}

export type Rule = (view: View) => Iterable<Diagnostic>;

/** Where the value at the path stands, or what holds it. */
export const spanAt = (view: Pick<View, 'root'>, path: Path): Span => nearestNode(view.root, path).span;

export const jobNames = (root: MapNode): readonly string[] => namesAt(root, ['jobs']);

/** The jobs that a job needs, each with its place in the list. */
export function needsOf(
  root: MapNode,
  job: string,
): readonly { readonly job: string; readonly path: Path }[] {
  const list = nodeAt(root, ['jobs', job, 'needs']);
  if (list?.kind !== 'list') return [];
  return list.items.flatMap((item, index) => {
    const path = ['jobs', job, 'needs', index];
    const named = item.kind === 'map' ? nodeAt(item, ['job']) : item;
    if (named?.kind !== 'scalar' || typeof named.value !== 'string') return [];
    return [{ job: named.value, path: item.kind === 'map' ? [...path, 'job'] : path }];
  });
}

/** Whether the file says `reuse: false` at this job or step. */
export function runsEveryTime(root: MapNode, path: Path): boolean {
  const reuse = nodeAt(root, [...path, 'reuse']);
  return reuse?.kind === 'scalar' && reuse.value === false;
}
