// What all jobs of one run share: the plan, the way to the engine, where things are written, and how it is stopped.
import type { Evaluator } from '../src/contract/evaluator.ts';
import type { ReportReader } from '../src/contract/report-reader.ts';
import type { Engine } from '../src/contract/sandbox.ts';
import type { Emit } from '../src/model/event.ts';
import type { Outcome } from '../src/model/failure.ts';
import type { Plan } from '../src/model/plan.ts';
import type { RunFolder } from './run-folder.ts';
import type { SourceTree } from './source-tree.ts';

export interface Grace {
  /** From SIGTERM to SIGKILL of a step. */
  readonly stopMs: number;
  /** For what still runs after a cancel (`always()` steps, `finally`); null: as long as the job's timeout. */
  readonly lateMs: number | null;
}

export interface Run {
  readonly plan: Plan;
  readonly source: SourceTree;
  readonly folder: RunFolder;
  readonly evaluator: Evaluator;
  /** Loaded when the first report is read. */
  readonly reports: () => Promise<ReportReader>;
  /** The engine; after it was lost, a new connection. */
  readonly engine: () => Promise<Outcome<Engine>>;
  readonly emit: Emit;
  /** Jobs at once. */
  readonly parallel: number;
  /** Ask the registry even when the engine has the image. */
  readonly pull: boolean;
  readonly grace: Grace;
  /** The first signal: end in good order. */
  readonly cancel: AbortSignal;
  /** The second: stop at once. */
  readonly kill: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}
