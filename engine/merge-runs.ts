// Run folders of the jobs of one run, each from its own machine → one run folder with the result of the whole.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { resultDigest, runStatus, type RunResult } from '../src/model/result.ts';
import type { RunInputs } from '../src/model/run-files.ts';
import { writeRunFolder, type FinishedRun } from './finished-run.ts';
import type { RunFolder } from './run-folder.ts';
import { findMissing, uniteRuns, type UnitedRuns } from './united-runs.ts';

export interface Merge {
  readonly folders: readonly string[];
  /** Jobs that make up the whole, with all they need; empty: every job of the file. */
  readonly jobs: readonly string[];
  /** Makes the folder of the whole; not called when the parts do not fit. */
  readonly into: () => Outcome<RunFolder>;
  readonly now: Date;
}

export interface MergedRun extends FinishedRun {
  /** What it was made of. An instance that several hold is the last one's. */
  readonly parts: readonly FinishedRun[];
}

/** The same result and digest that one run of all the jobs gives. Failures: those of `uniteRuns`, and `missing-job`. */
export async function mergeRuns({ folders, jobs, into, now }: Merge): Promise<Outcome<MergedRun>> {
  const parts = await uniteRuns(folders);
  if (!parts.ok) return parts;
  const [first] = parts.value.runs;
  if (!first) return fail('usage', 'missing-job', 'no run folder to merge');
  const missing = findMissing(parts.value, withNeeds(first.inputs.graph, jobs));
  if (missing) return { ok: false, failure: missing };
  const whole = into();
  if (!whole.ok) return whole;
  const united = unite(first, parts.value, whole.value, now);
  try {
    for (const { folder } of parts.value.runs) await copyParts(folder, whole.value);
    writeRunFolder(united);
  } catch (error) {
    return fail('environment', 'run-folder', `cannot write the run folder ${whole.value.path}`, {
      cause: error instanceof Error ? error.message : String(error),
      hint: 'free some disk space, then merge again',
    });
  }
  return ok({ ...united, parts: parts.value.runs });
}

/** The jobs asked for, or every job, with everything they need. */
function withNeeds(graph: RunInputs['graph'], jobs: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (job: string): void => {
    if (found.has(job)) return;
    found.add(job);
    for (const need of graph[job] ?? []) add(need);
  };
  for (const job of jobs.length > 0 ? jobs : Object.keys(graph)) add(job);
  return found;
}

async function copyParts(from: RunFolder, into: RunFolder): Promise<void> {
  for (const part of ['artifacts', 'reports', 'logs']) {
    await cp(join(from.path, part), join(into.path, part), {
      recursive: true,
      verbatimSymlinks: true,
      errorOnExist: false,
    }).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
  }
}

function unite(
  first: FinishedRun,
  { runs, jobs: held }: UnitedRuns,
  folder: RunFolder,
  now: Date,
): FinishedRun {
  const instances = [...held.values()].flat();
  const jobs = Object.fromEntries(instances.map(({ id, result }) => [id, result]));
  const result: RunResult = { ...first.result, jobs, status: runStatus(Object.values(jobs)) };
  const all = <T>(part: (run: FinishedRun) => Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(runs.flatMap((run) => Object.entries(part(run))));
  const started = runs.map(({ times }) => times.started).sort()[0] ?? first.times.started;
  return {
    folder,
    result,
    inputs: {
      ...first.inputs,
      selection: { jobs: [], matrix: {}, needs: true },
      facts: all(({ inputs }) => inputs.facts),
      images: all(({ inputs }) => inputs.images),
      env: all(({ inputs }) => inputs.env),
      lineage: all(({ inputs }) => inputs.lineage),
      matrices: all(({ inputs }) => inputs.matrices),
      instances: instances.map(({ id }) => id),
      secrets: [...new Set(runs.flatMap(({ inputs }) => inputs.secrets))].sort(),
    },
    times: {
      id: folder.id,
      provider: first.times.provider,
      digest: resultDigest(result),
      started,
      finished: now.toISOString(),
      'duration-ms': now.getTime() - Date.parse(started),
      jobs: all(({ times }) => times.jobs),
    },
  };
}
