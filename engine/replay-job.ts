// A job all of which is recorded → its outcome, as if it had run: files restored, logs told again, no container.
import type { RecordStore } from '../src/contract/record-store.ts';
import type { JobRecord } from '../src/model/record.ts';
import { announceArtifact, announceReport, type StoredReport } from './collect.ts';
import type { StoredArtifact } from './finished-job.ts';
import { findLeakInTexts, findLeakInTree } from './leak-guard.ts';
import type { KnownStep } from './recorded-job.ts';
import { logIsThere, replayKnown, replayStep } from './replay-step.ts';
import type { JobInstance } from './resolve-job.ts';
import type { JobAttempt } from './job-attempt.ts';
import { skipStep, type StepFinish } from './run-step.ts';
import type { Run } from './run.ts';
import { restoreTree } from './stored-tree.ts';

export interface WholeJob {
  readonly known: readonly KnownStep[];
  readonly record: JobRecord;
}

/** `told`: what the run says of it beyond the records. Null, and nothing told: something that it needs is gone or damaged. */
export async function replayJob(
  run: Run,
  instance: JobInstance,
  told: { readonly image: string; readonly digest: string; readonly attempt: number },
  { known, record }: WholeJob,
): Promise<JobAttempt | null> {
  const { id, job } = instance;
  const restored = await restore(run, instance, record);
  const isWhole = restored !== null && (await logsAreThere(run.reuse.store, known, record));
  if (!isWhole || (await holdsSecret(run, { known, record }, restored))) {
    await run.folder.clear(id);
    return null;
  }
  await run.emit({
    ...{ type: 'job-started', job: id, at: run.now(), attempt: told.attempt, image: told.image },
    ...{ steps: [...job.steps, ...job.finally].map(({ name }) => name), reused: 'all' },
  });
  const steps: StepFinish[] = [];
  for (const [step, planned] of job.steps.entries()) {
    steps.push(await replayKnown(run, { job: id, step }, planned, known[step]?.record ?? null));
  }
  for (const [index, planned] of job.finally.entries()) {
    const ref = { job: id, step: job.steps.length + index };
    const recorded = record.finally[index] ?? null;
    steps.push(
      recorded === null
        ? await skipStep(run, ref, planned, 'finally')
        : await replayStep(run, ref, planned, 'finally', { ...recorded, outputs: {} }),
    );
  }
  for (const artifact of restored.artifacts) await announceArtifact(run, id, artifact);
  for (const report of restored.reports) await announceReport(run, id, report);
  return {
    result: {
      ...{ status: 'success', 'allowed-failure': false, image: told.digest, outputs: record.outputs },
      artifacts: Object.fromEntries(restored.artifacts.map(({ name, digest }) => [name, digest])),
      steps: steps.map(({ result }) => result),
    },
    artifacts: restored.artifacts,
    reports: restored.reports,
    steps,
    reused: 'all',
  };
}

interface Restored {
  readonly artifacts: readonly StoredArtifact[];
  readonly reports: readonly StoredReport[];
}

/** What the plan asks for, whatever else a record may hold. */
async function restore(run: Run, { id, job }: JobInstance, record: JobRecord): Promise<Restored | null> {
  const artifacts: StoredArtifact[] = [];
  for (const [name, { when }] of Object.entries(job.artifacts)) {
    if (when === 'failure') continue;
    const tree = record.artifacts.find((one) => one.name === name);
    const folder = run.folder.artifactFolder(id, name);
    const entries = tree === undefined ? null : await restoreTree(run.reuse.store, tree, folder);
    if (tree === undefined || entries === null) return null;
    artifacts.push({ name, folder, digest: tree.digest, entries });
  }
  const reports: StoredReport[] = [];
  for (const tree of record.reports) {
    const folder = run.folder.reportFolder(id, tree.kind);
    const entries = await restoreTree(run.reuse.store, tree, folder);
    if (entries === null) return null;
    reports.push({ kind: tree.kind, folder, entries });
  }
  return { artifacts, reports };
}

/** What was no secret when it was recorded may be one today: then the job runs, and fails if it leaves that still. */
async function holdsSecret(
  { redactor }: Run,
  { known, record }: WholeJob,
  { artifacts, reports }: Restored,
): Promise<boolean> {
  if (redactor.guard() === null) return false;
  const leaks = [
    findLeakInTexts(redactor, record.outputs),
    ...known.map((step) => findLeakInTexts(redactor, step.record?.outputs ?? {}, step.record?.summary)),
    ...record.finally.map((step) => findLeakInTexts(redactor, {}, step?.summary)),
  ];
  if (leaks.some((leak) => leak !== null)) return true;
  for (const { folder, entries } of [...artifacts, ...reports])
    if ((await findLeakInTree(redactor, folder, entries)) !== null) return true;
  return false;
}

async function logsAreThere(
  store: RecordStore,
  known: readonly KnownStep[],
  record: JobRecord,
): Promise<boolean> {
  const logs = [
    ...known.flatMap((step) => step.record ?? []),
    ...record.finally.flatMap((step) => step ?? []),
  ].map(({ log }) => log);
  for (const log of logs) if (!(await logIsThere(store, log))) return false;
  return true;
}
