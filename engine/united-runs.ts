// Run folders of the parts of one run → every job instance they hold, checked against each other and their own digests.
import { fail, ok, type Failure, type Outcome } from '../src/model/failure.ts';
import { instanceJob } from '../src/model/instance-name.ts';
import { canonicalJson } from '../src/model/json.ts';
import type { Plan } from '../src/model/plan.ts';
import type { RunResult } from '../src/model/result.ts';
import { treeDigest } from '../src/model/tree.ts';
import { treeOfFolder } from './archive.ts';
import type { FinishedInstance, StoredArtifact } from './finished-job.ts';
import type { FinishedRun } from './finished-run.ts';
import { readRunFolder } from './read-run-folder.ts';

/** What parts of one run agree on; the pipeline file is not part of the source, so its shape is compared too. */
export type Common = Pick<RunResult, 'source' | 'params' | 'pipeline' | 'platform'> &
  Pick<Plan, 'file' | 'graph'>;

export interface UnitedRuns {
  readonly runs: readonly FinishedRun[];
  /** By job, each in the order of a whole run. */
  readonly jobs: ReadonlyMap<string, readonly FinishedInstance[]>;
}

/**
 * `common` is what all must agree with; without it, with the first. Failures (usage): `run-folder`, `run-mismatch`,
 * `duplicate-job` (held twice with different content), `artifact-damaged` (files that are not those of their digest).
 */
export async function uniteRuns(folders: readonly string[], common?: Common): Promise<Outcome<UnitedRuns>> {
  const runs: FinishedRun[] = [];
  let shared = common;
  const held = new Map<string, { instance: FinishedInstance; path: string }>();
  for (const path of folders) {
    const run = await readRunFolder(path);
    if (!run.ok) return run;
    const own = { ...run.value.inputs, ...run.value.result, source: run.value.result.source };
    shared ??= own;
    const differs = disagreement(shared, own);
    if (differs)
      return fail('usage', 'run-mismatch', `${path} is of another run: its ${differs} is not the same`);
    for (const id of run.value.inputs.instances) {
      const instance = await readInstance(run.value, id);
      if (!instance.ok) return instance;
      const other = held.get(id);
      if (other && canonicalJson(other.instance.result) !== canonicalJson(instance.value.result)) {
        return { ok: false, failure: heldTwice(id, other.path, path) };
      }
      held.set(id, { instance: instance.value, path });
    }
    runs.push(run.value);
  }
  const all = [...held.values()].map(({ instance }) => instance);
  const jobs = Map.groupBy(all, ({ id }) => instanceJob(id));
  for (const [job, instances] of jobs) {
    const order = expectedInstances(runs, job) ?? [];
    instances.sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  }
  return ok({ runs, jobs });
}

/** The first of these jobs, or of their matrix instances, that no folder holds; a failure `missing-job`. */
export function findMissing({ runs, jobs }: UnitedRuns, wanted: Iterable<string>): Failure | null {
  for (const job of wanted) {
    const held = (jobs.get(job) ?? []).map(({ id }) => id);
    const expected = held.includes(job) ? [job] : expectedInstances(runs, job);
    const missing = held.length === 0 ? job : expected?.find((id) => !held.includes(id));
    if (missing === undefined && expected === null && runs.some((run) => narrowed(run, job))) {
      return fail('usage', 'missing-job', `the matrix of '${job}' ran in part only (--matrix)`, {
        hint: 'only a whole run knows all its instances: run the job without --matrix',
      }).failure;
    }
    if (missing === undefined) continue;
    return fail('usage', 'missing-job', `no run folder holds '${missing}'`, {
      hint: 'run it and name its folder too',
    }).failure;
  }
  return null;
}

const narrowed = ({ inputs }: FinishedRun, job: string): boolean =>
  Object.keys(inputs.selection.matrix).length > 0 && inputs.instances.some((id) => instanceJob(id) === job);

/** Null for a matrix that only the run knew. */
const expectedInstances = (runs: readonly FinishedRun[], job: string): readonly string[] | null =>
  runs.map(({ inputs }) => inputs.matrices[job]).find((names) => names !== undefined) ?? null;

function disagreement(a: Common, b: Common): keyof Common | null {
  const parts = ['file', 'graph', 'source', 'params', 'pipeline', 'platform'] as const;
  return parts.find((part) => canonicalJson(a[part]) !== canonicalJson(b[part])) ?? null;
}

async function readInstance({ folder, result }: FinishedRun, id: string): Promise<Outcome<FinishedInstance>> {
  const jobResult = result.jobs[id];
  if (!jobResult) return fail('usage', 'run-folder', `${folder.path} names ${id} and has no result of it`);
  const artifacts: StoredArtifact[] = [];
  for (const [name, digest] of Object.entries(jobResult.artifacts)) {
    const at = folder.artifactFolder(id, name);
    const tree = await treeOfFolder(at);
    if (!tree.ok) return tree;
    if (treeDigest(tree.value) !== digest) {
      return fail('usage', 'artifact-damaged', `artifact ${name} of ${id} is not what its job made (${at})`, {
        hint: 'carry run folders as tar archives: many transports lose file modes, links and empty folders',
      });
    }
    artifacts.push({ name, folder: at, digest, entries: tree.value });
  }
  return ok({ id, result: jobResult, artifacts });
}

const heldTwice = (id: string, first: string, second: string): Failure =>
  fail('usage', 'duplicate-job', `${id} is in two folders with different results`, {
    cause: `${first}, ${second}`,
    hint: 'two runs of the job came out differently: pass only the one that counts',
  }).failure;
