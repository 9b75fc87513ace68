// A finished execution → the documents of its run folder.
import type { CiContext } from '../src/model/ci-context.ts';
import { resultDigest } from '../src/model/result.ts';
import type { RunInputs } from '../src/model/run-files.ts';
import type { Execution } from './execute-plan.ts';
import { fileLine } from './file-list.ts';
import type { FinishedRun } from './finished-run.ts';
import type { Run } from './run.ts';

export function finishedRun(
  run: Run,
  execution: Execution,
  selection: RunInputs['selection'],
  provider: string,
  started: Date,
  finished: Date,
): FinishedRun {
  const { plan, source } = run;
  const jobs = Object.entries(execution.result.jobs);
  return {
    folder: run.folder,
    result: execution.result,
    inputs: {
      schema: 1,
      selection,
      file: plan.file,
      params: plan.params,
      facts: Object.fromEntries(plan.factsRead.map((fact) => [fact, factValue(plan.context, fact)])),
      source: { digest: source.digest, files: source.entries.map(fileLine) },
      images: Object.fromEntries(
        jobs.flatMap(([id, { image }]) => (image === undefined ? [] : [[id, image]])),
      ),
      env: Object.fromEntries(
        plan.jobs.map((job) => [
          job.name,
          [
            ...new Set([plan, job, ...job.steps, ...job.finally].flatMap(({ env }) => Object.keys(env))),
          ].sort(),
        ]),
      ),
      secrets: [...run.secrets.keys()].sort(),
      graph: plan.graph,
      matrices: plan.instances,
      instances: Object.keys(execution.times),
      lineage: execution.lineage,
    },
    times: {
      id: run.folder.id,
      provider,
      digest: resultDigest(execution.result),
      started: started.toISOString(),
      finished: finished.toISOString(),
      'duration-ms': finished.getTime() - started.getTime(),
      jobs: Object.fromEntries(
        Object.entries(execution.times).map(([id, { attempts, durationMs, reused, steps }]) => [
          id,
          {
            attempts,
            'duration-ms': durationMs,
            reused,
            steps: steps.map((step) => ({ 'duration-ms': step.durationMs, reused: step.reused })),
          },
        ]),
      ),
    },
  };
}

/** `git.sha` → its value; null for one that is not there. */
const factValue = (context: CiContext, fact: string): unknown =>
  fact
    .split('.')
    .reduce<unknown>(
      (value, name) =>
        typeof value === 'object' && value !== null
          ? ((value as Record<string, unknown>)[name] ?? null)
          : null,
      context,
    );
