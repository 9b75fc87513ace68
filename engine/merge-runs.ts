// Run folders of the jobs of one run, each from its own machine → one run folder with the result of the whole.
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { instanceJob } from '../src/model/instance-name.ts';
import { canonicalJson } from '../src/model/json.ts';
import { resultDigest, runStatus, type JobResult, type RunResult } from '../src/model/result.ts';
import { treeDigest } from '../src/model/tree.ts';
import { treeOfFolder } from './archive.ts';
import { disagreement, readRunFolder, writeRunFolder, type FinishedRun } from './finished-run.ts';
import type { RunFolder } from './run-folder.ts';

export interface Merge {
  readonly folders: readonly string[];
  /** Jobs that make up the whole, with all they need; empty: every job of the file. */
  readonly jobs: readonly string[];
  /** Makes the folder of the whole; not called when the parts do not fit. */
  readonly into: () => Promise<Outcome<RunFolder>>;
  readonly now: Date;
}

/**
 * The same result and digest that one run of all the jobs gives. Failures (usage): `run-folder`, `run-mismatch`,
 * `missing-job`, `duplicate-job` (held twice with different content), `artifact-damaged`.
 */
export async function mergeRuns({ folders, jobs, into, now }: Merge): Promise<Outcome<FinishedRun>> {
  const runs: FinishedRun[] = [];
  for (const path of folders) {
    const run = await readRunFolder(path);
    if (!run.ok) return run;
    const [first] = runs;
    const differs = first && disagreement(first.result, run.value.result);
    if (differs)
      return fail('usage', 'run-mismatch', `${path} and ${first.folder.path} differ in their ${differs}`);
    runs.push(run.value);
  }
  const [first] = runs;
  if (!first) return fail('usage', 'missing-job', 'no run folder to merge');
  const merged = uniteJobs(runs);
  if (!merged.ok) return merged;
  const lacking = wanted(first, jobs).find(
    (job) => ![...merged.value.keys()].some((id) => instanceJob(id) === job),
  );
  if (lacking !== undefined) {
    return fail('usage', 'missing-job', `no folder holds the job '${lacking}'`, {
      hint: 'name its run folder too, or say which jobs make up the whole with --job',
    });
  }
  const damaged = await findDamage(merged.value);
  if (damaged) return damaged;
  const whole = await into();
  if (!whole.ok) return whole;
  const united = unite(first, runs, merged.value, whole.value, now);
  try {
    for (const { folder } of runs) await copyParts(folder, whole.value);
    await writeRunFolder(united);
  } catch (error) {
    return fail('environment', 'run-folder', `cannot write the run folder ${whole.value.path}`, {
      cause: error instanceof Error ? error.message : String(error),
      hint: 'free some disk space, then merge again',
    });
  }
  return ok(united);
}

type Held = ReadonlyMap<string, { readonly result: JobResult; readonly run: FinishedRun }>;

function uniteJobs(runs: readonly FinishedRun[]): Outcome<Held> {
  const held = new Map<string, { result: JobResult; run: FinishedRun }>();
  for (const run of runs) {
    for (const [id, result] of Object.entries(run.result.jobs)) {
      const other = held.get(id);
      if (other && canonicalJson(other.result) !== canonicalJson(result)) {
        return fail('usage', 'duplicate-job', `${id} is in two folders with different results`, {
          cause: `${other.run.folder.path}, ${run.folder.path}`,
          hint: 'two runs of the job came out differently: pass only the one that counts',
        });
      }
      if (!other) held.set(id, { result, run });
    }
  }
  return ok(held);
}

/** The selection with everything it needs. */
function wanted({ inputs }: FinishedRun, jobs: readonly string[]): readonly string[] {
  const found = new Set<string>();
  const add = (job: string): void => {
    if (found.has(job)) return;
    found.add(job);
    for (const need of inputs.graph[job] ?? []) add(need);
  };
  for (const job of jobs.length > 0 ? jobs : Object.keys(inputs.graph)) add(job);
  return [...found];
}

async function findDamage(held: Held): Promise<Outcome<never> | null> {
  for (const [id, { result, run }] of held) {
    for (const [name, digest] of Object.entries(result.artifacts)) {
      const at = run.folder.artifactFolder(id, name);
      const tree = await treeOfFolder(at);
      if (!tree.ok) return tree;
      if (treeDigest(tree.value) === digest) continue;
      return fail('usage', 'artifact-damaged', `artifact ${name} of ${id} is not what its job made (${at})`, {
        hint: 'carry run folders as tar archives: many transports lose file modes, links and empty folders',
      });
    }
  }
  return null;
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
  runs: readonly FinishedRun[],
  held: Held,
  folder: RunFolder,
  now: Date,
): FinishedRun {
  const jobs = Object.fromEntries([...held].map(([id, { result }]) => [id, result]));
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
      instances: runs.flatMap(({ inputs }) => inputs.instances),
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
