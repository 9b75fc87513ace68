// Packs in a cache store ↔ records in this machine's store, and the snapshot that a job starts from.
//
// Names: `lockstep-v1/job/JOB/PLATFORM/INPUTS/…`, then `whole` for a job all of which is recorded, else its last key.
// `INPUTS` is the digest of all that is known of a job before its steps, so that branches do not push each other out.
// A pack that was found to be of no use is not asked for again: the newest `whole…` of the same inputs is.
import { hash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { CacheStore } from '../src/contract/cache-store.ts';
import type { RecordStore } from '../src/contract/record-store.ts';
import type { Engine, Image } from '../src/contract/sandbox.ts';
import type { Outcome } from '../src/model/failure.ts';
import { canonicalJson } from '../src/model/json.ts';
import type { PlannedJob, Platform } from '../src/model/plan.ts';
import type { Key, StepRecord } from '../src/model/record.ts';
import { treeDigest } from '../src/model/tree.ts';
import { packRecords, unpackRecords, type PackableSnapshot, type Unpacked } from './cache/pack.ts';
import { putFile, takes, type CarriedNotice } from './carried-put.ts';
import { findRecords, type JobPlace, type KnownStep } from './recorded-job.ts';

export interface CarriedJob {
  /** Of the instance. */
  readonly id: string;
  readonly job: PlannedJob;
  readonly place: JobPlace;
  /** In words of `RecordStore.chains`. */
  readonly chainOf: string;
}

/** Told once for each code. */
export interface CarriedPacksOptions {
  readonly cache: CacheStore;
  readonly store: RecordStore;
  /** What tells this pipeline from others that use the same place: repository and file. */
  readonly scope: string;
  readonly platform: Platform;
  readonly engine: () => Promise<Outcome<Engine>>;
  /** False: what is there already is not believed, so it is not what later runs find. */
  readonly answers: boolean;
  /** A new path on a disk of this machine; throws what the disk says. */
  readonly newFile: () => string;
  readonly tell: (notice: CarriedNotice) => void;
  readonly now: () => number;
}

export interface CarriedPacks {
  /** Asks once for each job. True: records came. */
  fetch(job: CarriedJob): Promise<boolean>;
  /** The same steps; the newest that a pack has a snapshot of has it in the engine now, unless a later one has one there. */
  importSnapshot(known: readonly KnownStep[], image: Image): Promise<readonly KnownStep[]>;
  /** What is recorded of the job, if it is news. `image`: null where nothing ran. */
  put(job: CarriedJob, image: Image | null): Promise<void>;
}

/** Download and `docker load` of layers, both as measured (facts: 140 MB load in 2 to 3 s) on a slow day; bytes in a millisecond. */
const transferRate = 30_000;
const worthTimes = 3;

/** Whether the steps that a snapshot saves took so much longer than its journey that it pays even when few use it. */
export const paysToCarry = (savedMs: number, bytes: number): boolean =>
  savedMs > (worthTimes * bytes) / transferRate;

interface Fetched extends Unpacked {
  readonly key: string;
}

export function carriedPacks(options: CarriedPacksOptions): CarriedPacks {
  const { cache, store, engine, newFile, tell } = options;
  const fetched = new Map<string, Fetched | null>();
  /** By the key of the step; of all packs of this run. */
  const bundles = new Map<Key, NonNullable<Unpacked['snapshot']>>();
  const written = new Set<string>();

  const damaged = (message: string): void => tell({ level: 'warning', code: 'pack-damaged', message });

  const importOne = async (record: StepRecord, image: Image): Promise<StepRecord | null> => {
    const bundle = bundles.get(record.key);
    const asked = await engine();
    if (bundle === undefined || !asked.ok) return null;
    const made = await importBundle(asked.value, bundle.chunks(), image, store.id);
    if (!made.ok) {
      bundles.delete(record.key);
      damaged(`a snapshot from ${cache.name} is not used: ${made.failure.message}`);
      return null;
    }
    const there = { ...record, snapshot: { id: made.value.id, bytes: made.value.bytes } };
    await store.putSnapshot(there.snapshot);
    await store.putRecord(there);
    return there;
  };

  return {
    async fetch(job) {
      if (fetched.has(job.id)) return false;
      fetched.set(job.id, null);
      const { ofJob, ofInputs } = packNames(options, job);
      const file = newFile();
      const answer = await cache.get({ prefixes: [`${ofInputs}whole`, ofInputs, ofJob] }, file);
      if (answer.kind === 'miss' && answer.damaged !== undefined) damaged(answer.damaged);
      if (answer.kind !== 'hit') return false;
      const unpacked = await unpackRecords(store, file, job.chainOf);
      fetched.set(job.id, { ...unpacked, key: answer.key });
      if (unpacked.snapshot === null) await rm(file, { force: true });
      else bundles.set(unpacked.snapshot.key, unpacked.snapshot);
      if (unpacked.damaged) damaged(`what ${cache.name} has of ${job.id} is damaged; it is made anew`);
      return unpacked.keys.size > 0;
    },

    async importSnapshot(known, image) {
      if (bundles.size === 0) return known;
      const asked = await engine();
      if (!asked.ok) return known;
      for (const [index, step] of [...known.entries()].reverse()) {
        const { record } = step;
        if (record === null) continue;
        const there = record.snapshot && (await asked.value.snapshots.has(record.snapshot.id));
        if (there?.ok === true && there.value) return known;
        const imported = await importOne(record, image);
        if (imported !== null) return known.with(index, { ...step, record: imported });
      }
      return known;
    },

    async put(job, image) {
      const before = fetched.get(job.id) ?? null;
      const { known, record } = await findRecords(store, job.place);
      const steps = known.flatMap((step) => step.record ?? []);
      const records = [...steps, ...(record === null ? [] : [record])];
      const last = records.at(-1);
      const { ofInputs } = packNames(options, job);
      if (last === undefined) return;
      const wasWhole = before?.key.startsWith(`${ofInputs}whole`) ?? false;
      if (record === null ? records.every(({ key }) => before?.keys.has(key)) : wasWhole && image === null)
        return;
      const distrusted = wasWhole || !options.answers;
      const end =
        record === null
          ? last.key.slice('sha256:'.length, -32)
          : `whole${distrusted ? `.${options.now()}` : ''}`;
      const name = ofInputs + end;
      const chain = (await store.chains(job.chainOf)).find(({ links }) =>
        links.some(({ key }) => key === last.key),
      );
      if (chain === undefined || written.has(name) || !takes(cache, tell)) return;
      written.add(name);
      // Who asked for a whole one and got none need not ask again whether there is one.
      const isNew = record !== null && fetched.has(job.id);
      if (!isNew && (await cache.look({ key: name })).kind !== 'miss') return;
      const file = newFile();
      const snapshot = findSnapshot(steps, bundles, image, engine);
      if (!(await packRecords(store, { records, chain, snapshot }, file))) return;
      await putFile(cache, name, file, tell);
      await rm(file, { force: true });
    },
  };
}

function packNames({ scope, platform }: CarriedPacksOptions, { id, job, place }: CarriedJob) {
  const { params = null, matrix = null, needs = null } = place.resolved.contexts;
  const { steps, finally: last, outputs, artifacts, reports } = job;
  const inputs = canonicalJson({
    ...{ start: place.start, env: place.resolved.env, params, matrix, needs },
    ...{ steps, last, outputs, artifacts, reports, files: place.files.map(treeDigest) },
  });
  const ofJob = `lockstep-v1/job/${short(canonicalJson([scope, id]))}/${platform.replace('/', '-')}/`;
  return { ofJob, ofInputs: `${ofJob}${short(inputs)}/` };
}

export const short = (text: string): string => hash('sha256', text).slice(0, 32);

/** The newest that pays. One that came here in a pack goes on as it came. */
function findSnapshot(
  steps: readonly StepRecord[],
  bundles: ReadonlyMap<Key, NonNullable<Unpacked['snapshot']>>,
  image: Image | null,
  engine: () => Promise<Outcome<Engine>>,
): PackableSnapshot | null {
  let savedMs = steps.reduce((sum, { durationMs }) => sum + durationMs, 0);
  for (const { key, durationMs, snapshot: own } of steps.toReversed()) {
    const came = bundles.get(key);
    const bytes = came?.bytes ?? own?.bytes;
    if (bytes !== undefined && paysToCarry(savedMs, bytes)) {
      if (came !== undefined) return { key, bytes, bundle: () => Promise.resolve(came.chunks()) };
      if (own !== undefined && image !== null)
        return { key, bytes, bundle: () => exportBundle(engine, own.id, image) };
    }
    savedMs -= durationMs;
  }
  return null;
}

async function exportBundle(
  engine: () => Promise<Outcome<Engine>>,
  id: string,
  image: Image,
): Promise<AsyncIterable<Uint8Array> | null> {
  const asked = await engine();
  const bundle = asked.ok ? await asked.value.snapshots.export(id, image) : asked;
  return bundle.ok ? bundle.value : null;
}

/** A bundle that is cut is one that ends early, which the engine finds out. */
function importBundle(engine: Engine, chunks: AsyncIterable<Uint8Array>, image: Image, store: string) {
  const untilCut = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* chunks;
    } catch {
      // The tar has no end mark then.
    }
  };
  return engine.snapshots.import(untilCut(), image, store);
}
