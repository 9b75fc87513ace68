// What all jobs of one run share: the plan, the way to the engine, where things are written, and how it is stopped.
import type { Evaluator } from '../src/contract/evaluator.ts';
import type { Redactor } from '../src/contract/redactor.ts';
import type { ReportReader } from '../src/contract/report-reader.ts';
import type { RecordStore } from '../src/contract/record-store.ts';
import type { Engine } from '../src/contract/sandbox.ts';
import type { Emit } from '../src/model/event.ts';
import type { Outcome } from '../src/model/failure.ts';
import type { Plan } from '../src/model/plan.ts';
import type { Carrier } from './carried.ts';
import type { StoredArtifact } from './finished-job.ts';
import type { PinnedImages } from './pinned-images.ts';
import type { JobInstance } from './resolve-job.ts';
import type { RunFolder } from './run-folder.ts';
import type { CacheSeeder } from './seeded-caches.ts';
import type { SourceTree } from './source-tree.ts';

export interface Grace {
  /** From SIGTERM to SIGKILL of a step. */
  readonly stopMs: number;
  /** For what still runs after a cancel (`always()` steps, `finally`); null: as long as the job's timeout. */
  readonly lateMs: number | null;
}

export interface Reuse {
  readonly store: RecordStore;
  /** False: everything runs, and is recorded anew. */
  readonly answers: boolean;
  /** False: nothing is recorded, since someone from outside wrote what runs. */
  readonly records: boolean;
  /** Ids of the stores of scopes that are trusted more, the nearest first; their records are in `store`. */
  readonly reads?: readonly string[];
  /** Absent: no cache directory begins as a copy. */
  readonly seedCaches?: CacheSeeder;
}

export interface Run {
  readonly plan: Plan;
  readonly source: SourceTree;
  readonly folder: RunFolder;
  readonly evaluator: Evaluator;
  /** Loaded when the first report is read. */
  readonly reports: () => Promise<ReportReader>;
  /** What references mean, by the lock file or by the engine. */
  readonly images: PinnedImages;
  /** The engine; after it was lost, a new connection. */
  readonly engine: () => Promise<Outcome<Engine>>;
  readonly emit: Emit;
  /** Values of the secrets that the jobs use and that are there, by name. */
  readonly secrets: ReadonlyMap<string, Uint8Array>;
  /** Whatever a step writes, gives or leaves passes it first. */
  readonly redactor: Redactor;
  /** Jobs kept from running, by name, with the secrets that the fork policy withholds from them. */
  readonly withheld: ReadonlyMap<string, readonly string[]>;
  readonly reuse: Reuse;
  /** Null: this machine keeps what it has. */
  readonly carrier: Carrier | null;
  /** Called once for each instance that gave artifacts, when it ended. */
  readonly publish: (instance: JobInstance, artifacts: readonly StoredArtifact[]) => void;
  /** Told of work that goes on after a job ended (records being written); the run waits for it at its end. */
  readonly later: (work: Promise<unknown>) => void;
  /** Jobs at once. */
  readonly parallel: number;
  readonly grace: Grace;
  /** The first signal: end in good order. */
  readonly cancel: AbortSignal;
  /** The second: stop at once. */
  readonly kill: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
