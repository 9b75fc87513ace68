// Run folders of jobs that ran elsewhere → what a job with `--no-needs` starts from, checked against the present run.
import { fail, ok, type Failure, type Outcome } from '../src/model/failure.ts';
import { instanceJob } from '../src/model/instance-name.ts';
import type { Plan } from '../src/model/plan.ts';
import { treeDigest } from '../src/model/tree.ts';
import { treeOfFolder } from './archive.ts';
import type { FinishedInstance, FinishedJob, StoredArtifact } from './finished-job.ts';
import { disagreement, readRunFolder, type FinishedRun } from './finished-run.ts';
import { jobEnd } from './standing.ts';

/**
 * The needs of the plan's jobs that the plan does not run itself, from `folders`. Failures (usage): `run-folder`,
 * `run-mismatch` (another source, params, pipeline or platform), `missing-job`, `artifact-damaged` (an artifact whose
 * files are not those of its digest: file modes lost on the way, say).
 */
export async function readHandedOn(
  plan: Plan,
  source: string,
  folders: readonly string[],
): Promise<Outcome<ReadonlyMap<string, FinishedJob>>> {
  const finished = new Map<string, FinishedJob>();
  for (const path of folders) {
    const run = await readRunFolder(path);
    if (!run.ok) return run;
    const differs = disagreement(run.value.result, { ...plan, source });
    if (differs)
      return fail(
        'usage',
        'run-mismatch',
        `${path} is of another run: its ${differs} differs from this one's`,
      );
    const jobs = await finishedJobs(run.value);
    if (!jobs.ok) return jobs;
    for (const [name, job] of jobs.value) finished.set(name, job);
  }
  const own = new Set(plan.jobs.map((job) => job.name));
  const needed = plan.jobs
    .flatMap((job) => job.needs.map((need) => need.job))
    .filter((need) => !own.has(need));
  const missing = needed.find((need) => !finished.has(need));
  return missing === undefined ? ok(finished) : { ok: false, failure: missingJob(missing) };
}

const missingJob = (job: string): Failure =>
  fail('usage', 'missing-job', `no run folder holds the needed job '${job}'`, {
    hint: `run it first and name its folder with --from, or leave out --no-needs`,
  }).failure;

async function finishedJobs({
  folder,
  result,
  inputs,
}: FinishedRun): Promise<Outcome<Map<string, FinishedJob>>> {
  const instances = new Map<string, FinishedInstance[]>();
  for (const [id, jobResult] of Object.entries(result.jobs)) {
    const artifacts: StoredArtifact[] = [];
    for (const [name, digest] of Object.entries(jobResult.artifacts)) {
      const at = folder.artifactFolder(id, name);
      const tree = await treeOfFolder(at);
      if (!tree.ok) return tree;
      if (treeDigest(tree.value) !== digest) return { ok: false, failure: damaged(id, name, at) };
      artifacts.push({ name, folder: at, digest, entries: tree.value });
    }
    const job = instanceJob(id);
    instances.set(job, [...(instances.get(job) ?? []), { id, result: jobResult, artifacts }]);
  }
  return ok(
    new Map(
      [...instances].map(([job, ends]) => {
        const sorted = ends.sort((a, b) => inputs.instances.indexOf(a.id) - inputs.instances.indexOf(b.id));
        const { status } = jobEnd(
          sorted.map((end) => end.result),
          { success: true, failure: false },
        );
        const lineage = inputs.lineage[job] ?? {
          success: status === 'success',
          failure: status === 'failure',
        };
        return [job, { end: { status, lineage }, instances: sorted }];
      }),
    ),
  );
}

const damaged = (job: string, name: string, at: string): Failure =>
  fail('usage', 'artifact-damaged', `artifact ${name} of ${job} is not what its job made (${at})`, {
    hint: 'carry run folders as tar archives: many transports lose file modes, links and empty folders',
  }).failure;
