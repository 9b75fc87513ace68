// What a finished job hands on to the jobs that need it: how it ended, its outputs, its artifacts.
import type { JsonObject } from '../src/model/json.ts';
import type { PlannedJob } from '../src/model/plan.ts';
import type { JobResult } from '../src/model/result.ts';
import type { TreeEntry } from '../src/model/tree.ts';
import type { JobEnd } from './standing.ts';

/** An artifact as it lies in a run folder. */
export interface StoredArtifact {
  readonly name: string;
  readonly folder: string;
  readonly digest: string;
  readonly entries: readonly TreeEntry[];
}

export interface FinishedInstance {
  readonly id: string;
  readonly result: JobResult;
  readonly artifacts: readonly StoredArtifact[];
}

export interface FinishedJob {
  readonly end: JobEnd;
  readonly instances: readonly FinishedInstance[];
}

/** The `needs` context: an output of a matrix job is the list of its instances' values, in their order. */
export function needsContext(job: PlannedJob, finished: ReadonlyMap<string, FinishedJob>): JsonObject {
  return Object.fromEntries(
    job.needs.map(({ job: name }) => {
      const need = finished.get(name);
      return [
        name,
        { status: need?.end.status ?? 'skipped', outputs: outputsOf(name, need?.instances ?? []) },
      ];
    }),
  );
}

function outputsOf(job: string, instances: readonly FinishedInstance[]): JsonObject {
  const [first] = instances;
  if (first?.id === job) return first.result.outputs;
  const names = new Set(instances.flatMap(({ result }) => Object.keys(result.outputs)));
  return Object.fromEntries(
    [...names].map((name) => [name, instances.map(({ result }) => result.outputs[name] ?? '')]),
  );
}

/** The artifacts that the job takes, of all instances of its needs. */
export function takenArtifacts(
  job: PlannedJob,
  finished: ReadonlyMap<string, FinishedJob>,
): readonly (StoredArtifact & { readonly from: string })[] {
  return job.needs.flatMap((need) =>
    (finished.get(need.job)?.instances ?? []).flatMap((instance) =>
      instance.artifacts
        .filter((artifact) => need.artifacts.includes(artifact.name))
        .map((artifact) => ({ ...artifact, from: instance.id })),
    ),
  );
}
