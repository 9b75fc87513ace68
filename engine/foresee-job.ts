// A job instance whose needs are known → what a run would do with it and each of its steps; runs nothing, writes nothing.
import type { Standing } from '../src/contract/evaluator.ts';
import type { RecordStore } from '../src/contract/record-store.ts';
import type { Cause, JobForesight, StepForesight } from '../src/model/foresight.ts';
import type { Failure } from '../src/model/failure.ts';
import type { PlannedJob } from '../src/model/plan.ts';
import type { JobRecord, RecordedLog } from '../src/model/record.ts';
import {
  needsContext,
  takenArtifacts,
  type FinishedInstance,
  type FinishedJob,
  type StoredArtifact,
} from './finished-job.ts';
import { filesOf } from './job-recording.ts';
import { jobParts, keyOf, secretFacts, type SecretFacts } from './key.ts';
import { explainMissing } from './nearest-run.ts';
import { findRecords, type JobPlace, type KnownStep, type RecordedJob } from './recorded-job.ts';
import { resolveJob, type JobInstance } from './resolve-job.ts';
import { chainName, imageDigests } from './reuse-job.ts';
import { withoutSteps } from './job-attempt.ts';
import type { Run } from './run.ts';
import { readStoredEntries } from './stored-entries.ts';
import { planWorkspace } from './workspace.ts';

/** `images` is asked for digests alone. */
export interface Foreseeing extends Pick<Run, 'plan' | 'source' | 'evaluator' | 'images' | 'withheld'> {
  /** Secrets of which a run would have a value. */
  readonly secrets: SecretFacts['present'];
  readonly store: RecordStore;
  readonly signal: AbortSignal;
}

export interface ForeseenInstance {
  readonly foresight: Omit<JobForesight, 'provided'>;
  /** What it gives to those that need it; null: only the run knows. */
  readonly gives: FinishedInstance | null;
}

interface Surroundings {
  readonly finished: ReadonlyMap<string, FinishedJob>;
  readonly standing: Standing;
  /** Names of those of its artifacts that another job takes. */
  readonly taken: ReadonlySet<string>;
}

export async function foreseeInstance(
  on: Foreseeing,
  instance: JobInstance,
  { finished, standing, taken }: Surroundings,
): Promise<ForeseenInstance> {
  const { id, job } = instance;
  const needs = needsContext(job, finished);
  const resolved = resolveJob(on.plan, instance, needs, standing, on.evaluator);
  if (!resolved.ok) return failing(instance, resolved.failure);
  if (!job.reuse) return unknown(id, 'run', allSteps(job, 'run', { why: 'reuse-off', step: null }));
  const artifacts = takenArtifacts(job, finished);
  const workspace = await planWorkspace(on.source, job, artifacts);
  if (!workspace.ok) return failing(instance, workspace.failure);
  const images = await imageDigests(on, resolved.value, on.signal);
  if (!images.ok) {
    if (images.failure.kind === 'pipeline') return failing(instance, images.failure);
    return unknown(
      id,
      'open',
      allSteps(job, 'open', { why: 'image-unknown', message: images.failure.message }),
    );
  }
  const secrets = secretFacts(on.plan, on.secrets);
  const parts = jobParts(job, on.plan.platform, resolved.value.services, images.value, secrets);
  const place: JobPlace = {
    ...{ job, secrets, resolved: resolved.value, evaluator: on.evaluator },
    ...{ start: keyOf(parts), files: filesOf(workspace.value) },
  };
  const found = await findRecords(on.store, place);
  const lost = await firstLost(on.store, found.known);
  const gives = lost === -1 ? await recordedInstance(on.store, instance, found.record, taken) : null;
  if (gives !== null) {
    return {
      foresight: { job: id, fate: 'reuse', because: null, steps: reusedSteps(job, found.known) },
      gives,
    };
  }
  const links = [{ key: place.start, parts }, ...found.known, ...('key' in found.end ? [found.end] : [])];
  const because =
    causeAtHand(found, lost) ??
    (await explainMissing(on.store, chainName(on, id), {
      ...{ links, step: found.known.length < job.steps.length ? found.known.length : null },
      ...{ steps: job.steps.length, files: place.files, from: origins(artifacts) },
    }));
  const known = lost === -1 ? found.known : found.known.slice(0, lost);
  return unknown(id, 'run', await stepsOf(on.store, job, known, because), because);
}

/** Null: nothing is wrong with what is recorded, the next thing just is not. */
function causeAtHand({ known, record, end }: RecordedJob, lost: number): Cause | null {
  if (lost !== -1) return { why: 'record-gone', step: lost };
  if (record !== null) return { why: 'record-gone', step: null };
  switch (end.why) {
    case 'never-reused':
      return { why: 'reuse-off', step: known.length };
    case 'unresolved':
      return { why: 'no-value', step: end.step };
    case 'no-record':
    case 'whole':
      return null;
  }
}

const unknown = (
  job: string,
  fate: 'run' | 'open',
  steps: readonly StepForesight[],
  because = steps[0]?.because ?? null,
): ForeseenInstance => ({ foresight: { job, fate, because, steps }, gives: null });

/** A job that cannot start, which is known as well as a success is. */
function failing(instance: JobInstance, failure: Failure): ForeseenInstance {
  const { id } = instance;
  const because = { why: 'failure', message: failure.message } as const;
  const { result } = withoutSteps(instance, 'failure', 'configuration', failure);
  return { foresight: { job: id, fate: 'fail', because, steps: [] }, gives: { id, result, artifacts: [] } };
}

/** All steps of a job for which one thing is to say. */
export const allSteps = (
  job: PlannedJob,
  fate: 'run' | 'open' | 'reuse',
  because: Cause | null,
): StepForesight[] =>
  (['steps', 'finally'] as const).flatMap((phase) =>
    job[phase].map(({ name, id }) => ({ name, id, phase, fate, because })),
  );

const reusedSteps = (job: PlannedJob, known: readonly KnownStep[]): StepForesight[] =>
  allSteps(job, 'reuse', null).map((step, index) =>
    known[index]?.record === null ? { ...step, fate: 'skip' } : step,
  );

/** `because`: why the first thing after the `known` steps must run. */
async function stepsOf(
  store: RecordStore,
  job: PlannedJob,
  known: readonly KnownStep[],
  because: Cause,
): Promise<StepForesight[]> {
  const place = known.length;
  const next = place < job.steps.length ? place : null;
  const kept = new Set((await store.snapshots()).map(({ id }) => id));
  const behind = 1 + known.findLastIndex(({ record }) => kept.has(record?.snapshot?.id ?? ''));
  return reusedSteps(job, known).map((step, index): StepForesight => {
    if (index < behind || step.fate === 'skip') return step;
    if (index < place) return { ...step, fate: 'run', because: { why: 'no-snapshot', step: next } };
    if (index === place || next === null) return { ...step, fate: 'run', because };
    const isOpen = [...job.steps, ...job.finally][index]?.condition !== null;
    return { ...step, fate: isOpen ? 'open' : 'run', because: { why: 'follows', step: next } };
  });
}

/** Logs are only looked for, not read: one that is damaged is noticed by the run. */
async function firstLost(store: RecordStore, known: readonly KnownStep[]): Promise<number> {
  for (const [index, { record }] of known.entries()) {
    if (record !== null && !(await isThere(store, record.log))) return index;
  }
  return -1;
}

const isThere = (store: RecordStore, log: RecordedLog): Promise<boolean> =>
  'blob' in log ? store.hasBlob(log.blob) : Promise.resolve(true);

/** What a recorded job gives; null where part of it is gone. The files of what nobody takes are not read. */
async function recordedInstance(
  store: RecordStore,
  { id }: JobInstance,
  record: JobRecord | null,
  taken: ReadonlySet<string>,
): Promise<FinishedInstance | null> {
  if (record === null) return null;
  for (const step of record.finally) if (step !== null && !(await isThere(store, step.log))) return null;
  for (const { tar } of [...record.artifacts, ...record.reports])
    if (tar !== undefined && !(await store.hasBlob(tar))) return null;
  const artifacts: StoredArtifact[] = [];
  for (const tree of record.artifacts.filter(({ name }) => taken.has(name))) {
    const entries = await readStoredEntries(store, tree);
    if (entries === null) return null;
    artifacts.push({ name: tree.name, folder: '', digest: tree.digest, entries });
  }
  const { outputs } = record;
  const result = { status: 'success', 'allowed-failure': false, outputs, artifacts: {}, steps: [] } as const;
  return { id, result, artifacts };
}

const origins = (artifacts: ReturnType<typeof takenArtifacts>): ReadonlyMap<string, string> =>
  new Map(
    artifacts.flatMap(({ name, from, entries }) =>
      entries.map(({ path }) => [path, `${name} of ${from}`] as const),
    ),
  );
