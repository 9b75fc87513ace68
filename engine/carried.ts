// A cache store of a CI platform → what jobs of one run get from it and leave in it: records, a snapshot, cache directories.
//
// All of it is best effort: an outage is told once, a full disk too, and neither fails a job.
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CacheStore } from '../src/contract/cache-store.ts';
import type { RecordStore } from '../src/contract/record-store.ts';
import type { CacheMount, Engine, Image } from '../src/contract/sandbox.ts';
import type { Outcome } from '../src/model/failure.ts';
import { canonicalJson } from '../src/model/json.ts';
import type { Plan, PlannedJob } from '../src/model/plan.ts';
import type { JobResult } from '../src/model/result.ts';
import { breaker } from './cache/breaker.ts';
import { carriedCaches } from './carried-caches.ts';
import { carriedPacks, type CarriedJob } from './carried-packs.ts';
import type { CarriedNotice } from './carried-put.ts';
import { errorCode } from './disk-tree.ts';
import type { KnownStep } from './recorded-job.ts';
import type { SourceTree } from './source-tree.ts';
import { makeFolder } from './make-folder.ts';

export interface CarrierOptions {
  readonly cache: CacheStore;
  /** Where cache directories go, each place with an outage of its own. Default: `cache`. */
  readonly caches?: CacheStore;
  readonly store: RecordStore;
  readonly plan: Plan;
  readonly source: SourceTree;
  readonly engine: () => Promise<Outcome<Engine>>;
  /** False: `--no-reuse`. */
  readonly answers: boolean;
  /** True: `--fresh`. */
  readonly fresh: boolean;
  /** Once for each code; that a place is away, once for each place. */
  readonly notice: (notice: CarriedNotice) => unknown;
  /** When it aborts nobody waits for the place any more, and nothing more goes there. */
  readonly cancel: AbortSignal;
  /** Of the run's own: made when it is needed, removed at the end. */
  readonly folder: string;
  /** See `breaker`. */
  readonly silentMs?: number;
  readonly now?: () => number;
}

/** A job that is about to open its sandbox. */
export interface OpeningJob {
  readonly job: PlannedJob;
  readonly mounts: readonly CacheMount[];
  readonly image: Image;
  /** Steps that need not run where there is a snapshot of what they left. */
  readonly known: readonly KnownStep[];
}

export interface EndedJob extends Omit<OpeningJob, 'known'> {
  /** Null: nothing of it is recorded. */
  readonly carried: CarriedJob | null;
  readonly status: JobResult['status'];
}

/** Nothing rejects. */
export interface Carrier {
  /** Where a record is missing. True: something came, so that it pays to look again. */
  fetch(job: CarriedJob, signal: AbortSignal): Promise<boolean>;
  /** The same steps; what they left is in the engine now where a pack had it. Caches are seeded. */
  opening(job: OpeningJob, signal: AbortSignal): Promise<readonly KnownStep[]>;
  /** All of it was answered from records. */
  replayed(job: CarriedJob): Promise<void>;
  /** It ran, and its records are written. */
  ended(job: EndedJob): Promise<void>;
  /** When all jobs are through and the promises above are resolved: caches are saved. The engine is still there. */
  close(): Promise<void>;
}

export function createCarrier(options: CarrierOptions): Carrier {
  const { store, plan, source, engine, answers, fresh, cancel, folder, silentMs, now = Date.now } = options;
  const told = new Set<string>();
  /** What goes on in the background after a cancel has nobody to tell. */
  let closed = false;
  const tell = (notice: CarriedNotice): void => {
    if (!told.has(notice.code) && !closed) options.notice(notice);
    told.add(notice.code);
  };
  const guarded = (place: CacheStore): CacheStore =>
    breaker(place, {
      onOutage: (reason) => {
        const message = `${reason}; this run goes on without ${place.name}`;
        if (!closed) options.notice({ level: 'warning', code: 'cache-away', message });
      },
      ...{ cancel, ...(silentMs !== undefined && { silentMs }) },
    });
  const cache = guarded(options.cache);
  const newFile = (): string => {
    makeFolder(folder);
    return join(folder, randomUUID());
  };
  const { repository } = plan.context.git;
  const shared = { engine, newFile, tell, platform: plan.platform };
  const packs = carriedPacks({
    ...{ ...shared, cache, store, answers, now, scope: canonicalJson([repository, plan.file]) },
  });
  const caches = carriedCaches({
    ...{ ...shared, source, seeds: !fresh, scope: canonicalJson(repository) },
    cache: options.caches === undefined ? cache : guarded(options.caches),
  });

  /** The answer, or `instead`: when the disk of this machine refuses, and as soon as `signal` aborts. */
  const tryTo = async <T>(signal: AbortSignal, instead: T, work: () => Promise<T>): Promise<T> => {
    if (signal.aborted) return instead;
    const over = new AbortController();
    const stopped = new Promise<T>((resolve) =>
      signal.addEventListener('abort', () => resolve(instead), { signal: over.signal }),
    );
    const done = work().catch((error: unknown) => {
      if (errorCode(error) === '') throw error;
      const message = `what travels between machines cannot be kept here: ${String(error)}`;
      tell({ level: 'warning', code: 'cache-failed', message });
      return instead;
    });
    try {
      return await Promise.race([done, stopped]);
    } finally {
      over.abort();
    }
  };

  return {
    fetch: (job, signal) => tryTo(signal, false, () => packs.fetch(job)),
    opening: ({ job, mounts, image, known }, signal) =>
      tryTo(signal, known, async () => {
        const [steps] = await Promise.all([
          packs.importSnapshot(known, image),
          caches.seed(job.caches, mounts, image),
        ]);
        return steps;
      }),
    replayed: (job) => tryTo(cancel, undefined, () => packs.put(job, null)),
    async ended({ job, carried, mounts, image, status }) {
      caches.used(job.caches, mounts, status);
      if (carried !== null) await tryTo(cancel, undefined, () => packs.put(carried, image));
    },
    async close() {
      await tryTo(cancel, undefined, () => caches.save());
      closed = true;
      await rm(folder, { recursive: true, force: true }).catch(() => undefined);
    },
  };
}
