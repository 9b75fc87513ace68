// A plan and its source → warnings of patterns that match nothing.
import { visibleEntries, type SourceTree } from '../../engine/source-tree.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Plan } from '../model/plan.ts';

/** Globs that match no file are most often a typing error. */
export function unmatchedInputs(plan: Plan, source: SourceTree): Diagnostic[] {
  const users = new Map<string, string>();
  for (const job of plan.jobs) {
    // A step's pattern may name a file of an artifact, which only the run knows.
    const takesArtifacts = job.needs.some((need) => need.artifacts.length > 0);
    const steps = takesArtifacts ? [] : [...job.steps, ...job.finally];
    const patterns = [job.inputs, ...steps.map(({ inputs }) => inputs ?? [])].flat();
    for (const pattern of patterns) {
      if (!pattern.startsWith('!') && pattern !== '**' && !users.has(pattern)) users.set(pattern, job.name);
    }
  }
  return [...users]
    .filter(([pattern]) => visibleEntries(source, [pattern]).length === 0)
    .map(([pattern, job]) => ({
      severity: 'warning',
      code: 'unmatched-inputs',
      message: `job ${job}: inputs '${pattern}' matches no file`,
    }));
}
