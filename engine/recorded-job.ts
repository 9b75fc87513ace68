// A job that is about to run → what of it is recorded: its first steps, maybe all of it, and where that ends.
import type { Scope } from '../src/contract/evaluator.ts';
import type { RecordStore } from '../src/contract/record-store.ts';
import type { JsonObject } from '../src/model/json.ts';
import type { JobRecord, Key, KeyParts, StepRecord } from '../src/model/record.ts';
import type { TreeEntry } from '../src/model/tree.ts';
import { afterStep, endParts, keyOf, skippedParts, stepParts, type StepPlace } from './key.ts';

/** A step whose outcome is known before it runs; without a record it is one that its `if` skips. */
export interface KnownStep {
  readonly key: Key;
  readonly parts: KeyParts;
  readonly record: StepRecord | null;
}

export interface RecordedJob {
  /** The first steps, as far as each is known. */
  readonly known: readonly KnownStep[];
  /** Of the whole job. */
  readonly record: JobRecord | null;
  readonly end: RecordedEnd;
}

/** Why no more is known: the first thing that is not recorded, or that never is. */
export type RecordedEnd =
  | { readonly why: 'whole' }
  /** `step`: its index; null: what comes after the steps. */
  | {
      readonly why: 'no-record';
      readonly step: number | null;
      readonly key: Key;
      readonly parts: KeyParts;
    }
  | { readonly why: 'never-reused' | 'unresolved'; readonly step: number | null };

export interface JobPlace extends Omit<StepPlace, 'files'> {
  readonly start: Key;
  /** Per step, `finally` steps after the others: the files it is the first to see. */
  readonly files: readonly (readonly TreeEntry[])[];
}

/** Reads records until one is missing. Emits nothing, needs no engine. */
export async function findRecords(store: RecordStore, place: JobPlace): Promise<RecordedJob> {
  const { job } = place;
  const known: KnownStep[] = [];
  const context = new Map<string, JsonObject>();
  let before = place.start;
  for (const [step, planned] of job.steps.entries()) {
    const stop = (end: RecordedEnd): RecordedJob => ({ known, record: null, end });
    if (!planned.reuse) return stop({ why: 'never-reused', step });
    const scope = scopeAfter(place.resolved.contexts, context);
    const files = place.files[step] ?? [];
    const holds = planned.condition === null ? null : place.evaluator.condition(planned.condition, scope);
    if (holds !== null && !holds.ok) return stop({ why: 'unresolved', step });
    const runs = holds === null || holds.value;
    const parts = runs ? stepParts(before, planned, scope, { ...place, files }) : skippedParts(before, files);
    if (parts === null) return stop({ why: 'unresolved', step });
    const key = keyOf(parts);
    const record = runs ? await store.record(key) : null;
    if (runs && record?.kind !== 'step') return stop({ why: 'no-record', step, key, parts });
    known.push({ key, parts, record: record?.kind === 'step' ? record : null });
    if (planned.id !== null) context.set(planned.id, stepContext(record?.kind === 'step' ? record : null));
    before = afterStep(key, record?.kind === 'step' ? record.outputs : {});
  }
  return { known, ...(await findEnd(store, place, before, scopeAfter(place.resolved.contexts, context))) };
}

async function findEnd(
  store: RecordStore,
  place: JobPlace,
  before: Key,
  scope: Scope,
): Promise<Pick<RecordedJob, 'record' | 'end'>> {
  if (place.job.finally.some((step) => !step.reuse))
    return { record: null, end: { why: 'never-reused', step: null } };
  const parts = endParts(before, scope, { ...place, files: place.files.slice(place.job.steps.length) });
  if (parts === null) return { record: null, end: { why: 'unresolved', step: null } };
  const key = keyOf(parts);
  const record = await store.record(key);
  return record?.kind === 'job'
    ? { record, end: { why: 'whole' } }
    : { record: null, end: { why: 'no-record', step: null, key, parts } };
}

/** Of steps that all succeeded or were skipped: no other has a record. */
const scopeAfter = (contexts: JsonObject, steps: ReadonlyMap<string, JsonObject>): Scope => ({
  contexts: { ...contexts, steps: Object.fromEntries(steps) },
  standing: { success: true, failure: false, cancelled: false },
});

const stepContext = (record: StepRecord | null): JsonObject =>
  record === null
    ? { outputs: {}, outcome: 'skipped', 'exit-code': null }
    : { outputs: record.outputs, outcome: 'success', 'exit-code': 0 };
