// A finished run → the outputs of the action.
import { join } from 'node:path';
import type { EndedRun } from '../compose/run.ts';

/** `outputs` and `reused` are JSON; `result` and `summary-path` are files. */
export function outputsOf({ result, times, folder }: EndedRun): Readonly<Record<string, string>> {
  const jobs = Object.entries(result.jobs);
  const steps = Object.values(times.jobs).flatMap((job) => job.steps);
  return {
    status: result.status,
    digest: times.digest,
    result: join(folder.path, 'result.json'),
    outputs: JSON.stringify(
      Object.fromEntries(
        jobs.flatMap(([name, job]) => (Object.keys(job.outputs).length === 0 ? [] : [[name, job.outputs]])),
      ),
    ),
    reused: JSON.stringify({ steps: steps.length, reused: steps.filter((step) => step.reused).length }),
    'summary-path': join(folder.path, 'summary.md'),
  };
}
