// Uses of what the language has and this version cannot do yet → an error for each, at its place.
import type { Diagnostic } from '../model/diagnostic.ts';
import type { LoadedPipeline } from './parse.ts';
import { problem } from './problem.ts';
import { keySpan, namesAt, nodeAt, type Path } from './tree.ts';

const what = {
  secrets: 'secrets cannot be granted yet',
  caches: 'caches cannot be mounted yet',
  auth: 'registries that want a login cannot be used yet',
} as const;

/** Of these jobs only: the others stand in nobody's way. */
export function unsupportedYet(loaded: LoadedPipeline, jobs: readonly string[]): Diagnostic[] {
  const uses = jobs.flatMap((job): readonly Path[] => {
    const path = ['jobs', job];
    const steps = (['steps', 'finally'] as const).flatMap((list) =>
      (loaded.pipeline.jobs[job]?.[list] ?? []).map((_, index) => [...path, list, index, 'secrets']),
    );
    const services = namesAt(loaded.root, [...path, 'services']).flatMap((service) => [
      [...path, 'services', service, 'secrets'],
      [...path, 'services', service, 'image', 'auth'],
    ]);
    const own = (key: string): Path =>
      nodeAt(loaded.root, [...path, key]) ? [...path, key] : ['defaults', key];
    return [[...path, 'secrets'], own('caches'), [...own('image'), 'auth'], ...services, ...steps];
  });
  const places = new Map(uses.map((path) => [path.join('\0'), path]));
  return [...places.values()].flatMap((path) => {
    const node = nodeAt(loaded.root, path);
    const key = path.at(-1);
    if (!node || (node.kind === 'list' && node.items.length === 0)) return [];
    if (key !== 'secrets' && key !== 'caches' && key !== 'auth') return [];
    return [problem(loaded, keySpan(loaded.root, path), 'not-yet', what[key])];
  });
}
