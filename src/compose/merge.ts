// Run folders of jobs that ran apart → one run folder, and all that their events tell of the jobs.
import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { FinishedRun } from '../../engine/finished-run.ts';
import { mergeRuns, type MergedRun } from '../../engine/merge-runs.ts';
import { createRunFolder, newRunId, removeOldRuns } from '../../engine/run-folder.ts';
import { findRoot } from '../../engine/source-root.ts';
import type { JobFinished, RunFinished, RunStarted, StepFinished } from '../model/event.ts';
import type { Environment } from '../contract/provider.ts';
import { ok, type Outcome } from '../model/failure.ts';
import { readRecordedEvent } from '../report/recorded-events.ts';
import { createRunRecord, type RunRecord } from '../report/run-record.ts';
import type { TailOf } from '../report/closing.ts';
import { leaveForPlatform } from './leave.ts';
import { logReader, tailReader, writeSummary, type EndedRun } from './summary.ts';

export interface UnitedRun extends EndedRun {
  readonly record: RunRecord;
  /** The last lines of a step. */
  readonly tail: TailOf;
}

/** Unites run folders of jobs that ran apart in a run folder of this checkout. `summaryBytes` as in RunOptions. */
export async function mergeFolders(
  folder: string,
  folders: readonly string[],
  jobs: readonly string[],
  environment: Environment,
  summaryBytes?: number,
): Promise<Outcome<UnitedRun>> {
  const now = new Date();
  const into = () => createRunFolder(findRoot(folder), newRunId(now));
  const merged = await mergeRuns({ folders, jobs, into, now });
  if (!merged.ok) return merged;
  const { parts, ...run } = merged.value;
  const record = await recordOf(run, parts);
  const summary = await writeSummary(record, run.folder, { bytes: summaryBytes });
  const unleft = await leaveForPlatform(environment, run, record);
  await removeOldRuns(run.folder);
  return ok({ ...run, summary, unleft, record, tail: tailReader(record, logReader(run.folder)) });
}

/** What the documents say stands even where events are lost. */
async function recordOf(run: FinishedRun, parts: MergedRun['parts']): Promise<RunRecord> {
  const record = createRunRecord();
  record.take(startOf(run));
  for (const id of run.inputs.instances) {
    for (const step of stepsOf(run, id)) record.take(step);
    const end = endOf(run, id);
    if (end !== null) record.take(end);
  }
  for (const [index, part] of parts.entries()) {
    const later = parts.slice(index + 1).flatMap(({ inputs }) => inputs.instances);
    await addEvents(record, run, part, new Set(part.inputs.instances.filter((id) => !later.includes(id))));
  }
  record.take(finishOf(run));
  return record;
}

async function addEvents(
  record: RunRecord,
  run: FinishedRun,
  part: FinishedRun,
  instances: ReadonlySet<string>,
): Promise<void> {
  // Whoever carried the folder may have left it out.
  const file = await open(join(part.folder.path, 'events.jsonl')).catch(() => null);
  if (file === null) return;
  try {
    if (!(await file.stat()).isFile()) return;
    for await (const line of file.readLines({ autoClose: false })) {
      const event = readRecordedEvent(line);
      if (event === null || !instances.has(event.job)) continue;
      if (event.type === 'job-finished') {
        const end = endOf(run, event.job);
        if (end !== null) record.take({ ...end, ...(event.failure && { failure: event.failure }) });
      } else if (event.type === 'artifact-stored') {
        const { folder } = run;
        record.take({ ...event, path: folder.shown(folder.artifactFolder(event.job, event.name)) });
      } else record.take(event);
    }
  } finally {
    await file.close();
  }
}

const startOf = ({ folder, result, inputs, times }: FinishedRun): RunStarted => ({
  ...{ type: 'run-started', schema: 1, id: folder.id, at: Date.parse(times.started) },
  ...{ title: result.pipeline ?? basename(folder.root), directory: folder.shown(folder.path) },
  ...{ jobs: Object.keys(inputs.graph), parallel: 1, engine: null },
});

const finishOf = ({ result, times }: FinishedRun): RunFinished => ({
  ...{ type: 'run-finished', at: Date.parse(times.finished), durationMs: times['duration-ms'] },
  ...{ digest: times.digest, result },
});

function endOf({ result, times }: FinishedRun, job: string): JobFinished | null {
  const [known, time] = [result.jobs[job], times.jobs[job]];
  if (known === undefined || time === undefined) return null;
  const { attempts, reused, 'duration-ms': durationMs } = time;
  return { type: 'job-finished', job, at: 0, durationMs, attempts, result: known, reused };
}

function stepsOf({ result, times }: FinishedRun, job: string): StepFinished[] {
  const known = result.jobs[job];
  return (known?.steps ?? []).map(({ name, status, 'exit-code': exitCode }, step) => {
    const time = times.jobs[job]?.steps[step];
    return {
      ...{ type: 'step-finished', job, step, at: 0, name, phase: 'steps', status },
      ...(exitCode !== undefined && { exitCode }),
      ...{ allowedFailure: known?.status === 'success', durationMs: time?.['duration-ms'] ?? 0 },
      ...{ reused: time?.reused ?? false, savedMs: 0 },
    };
  });
}
