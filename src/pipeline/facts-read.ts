// Expressions of a pipeline → which facts they read, and what a job takes from those that it needs.
import { factsOf, isFacts } from './contexts.ts';
import type { Read } from './expression.ts';
import { readersOf } from './rules/expressions.ts';
import type { View } from './view.ts';

/** What the expressions of each job read, those of defaults and of the `env` of all jobs with it. */
export function readsByJob(view: View): ReadonlyMap<string, readonly Read[]> {
  const byJob = new Map(Object.keys(view.pipeline.jobs).map((job) => [job, [] as Read[]]));
  for (const used of view.templates) {
    const reads = used.expressions.flatMap((expression) => expression.reads);
    for (const job of readersOf(view.root, used)) byJob.get(job)?.push(...reads);
  }
  return byJob;
}

/** Paths such as `git.sha` and `event.pull-request.number`, sorted. */
export const factsIn = (reads: readonly Read[]): ReadonlySet<string> =>
  new Set(
    reads
      .flatMap(({ context, path }) =>
        isFacts(context)
          ? factsOf(
              context,
              path.map(({ name }) => name?.toLowerCase() ?? null),
            )
          : [],
      )
      .sort(),
  );

/** Of a job's needs those whose outputs its expressions read, or may read. */
export function outputsIn(reads: readonly Read[], needs: readonly string[]): readonly string[] {
  const outputs = reads.filter(({ context, path }) => context === 'needs' && fits(path[1]?.name, 'outputs'));
  return needs.filter((need) => outputs.some(({ path }) => fits(path[0]?.name, need)));
}

/** A name that only the run knows may be any. */
const fits = (name: string | null | undefined, wanted: string): boolean =>
  name == null || name.toLowerCase() === wanted.toLowerCase();
