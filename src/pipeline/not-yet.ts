// Uses of what the language has and this version cannot do yet → an error for each, at its place.
import type { Diagnostic } from '../model/diagnostic.ts';
import { problem } from './problem.ts';
import { keySpan, namesAt, nodeAt, type Path } from './tree.ts';
import type { View } from './view.ts';

/** What is looked at of a loaded pipeline. */
interface Loaded {
  readonly jobs: Readonly<Record<string, { readonly notYet: readonly Diagnostic[] }>>;
}

/** Of these jobs only: the others stand in nobody's way. What several take from one place is said once. */
export function unsupportedYet({ jobs }: Loaded, selected: readonly string[]): Diagnostic[] {
  const uses = selected.flatMap((job) => jobs[job]?.notYet ?? []);
  return [...new Map(uses.map((use) => [`${use.message} ${use.location?.offset ?? -1}`, use])).values()];
}

export function unsupportedIn(view: View, job: string): readonly Diagnostic[] {
  const path = ['jobs', job];
  const own = (key: string): Path => (nodeAt(view.root, [...path, key]) ? [...path, key] : ['defaults', key]);
  const services = namesAt(view.root, [...path, 'services']).map((service): Path => [
    ...path,
    ...['services', service, 'image', 'auth'],
  ]);
  return [[...own('image'), 'auth'], ...services].flatMap((use) =>
    nodeAt(view.root, use)
      ? [problem(view, keySpan(view.root, use), 'not-yet', 'registries that want a login cannot be used yet')]
      : [],
  );
}
