// The steps of a job that is recorded → snapshots of its sandbox where they pay, and none that holds a secret.
import type { Sandbox } from '../src/contract/sandbox.ts';
import type { Outcome } from '../src/model/failure.ts';
import type { KeyChain, RecordedSnapshot } from '../src/model/record.ts';
import type { FileLeak } from './leak-guard.ts';
import type { JobInstance } from './resolve-job.ts';
import type { StepFinish } from './run-step.ts';
import type { Run } from './run.ts';
import { findLeakInSnapshot } from './snapshot-scan.ts';

/** A snapshot pays when the steps since the last one took this long. */
const worthSnapshotMs = 1000;

/** Where the job is after a step. */
export interface StepPoint {
  readonly index: number;
  /** Steps follow. */
  readonly more: boolean;
  /** A snapshot now would hold all: no service knows more. */
  readonly holdsAll: boolean;
  readonly stop: AbortSignal;
}

/** What a step's record says of it. */
export interface SnapshotNote {
  readonly snapshot?: RecordedSnapshot;
  /** What it took to make, now or the last time. */
  readonly snapshotMs?: number;
}

export interface MadeSnapshot extends SnapshotNote {
  /** What was changed when it was made; null: nothing that may hold a secret. */
  readonly changed: Outcome<readonly string[]> | null;
}

/** Calls: `after` each step that is recorded, in their order; `checked` any time later. */
export class JobSnapshots {
  readonly #run: Run;
  readonly #instance: JobInstance;
  readonly #previous: () => Promise<readonly KeyChain[]>;
  #worth: boolean;
  #unsavedMs = 0;
  #isLeakTold = false;

  /** `previous`: what was recorded of the job, newest first. `worth`: false where a commit does not hold all that its steps see. */
  constructor(run: Run, instance: JobInstance, previous: () => Promise<readonly KeyChain[]>, worth: boolean) {
    this.#run = run;
    this.#instance = instance;
    this.#previous = previous;
    this.#worth = worth;
  }

  /** Waits for the snapshot, if one is made. A failed one costs a later run some time, never this one its result. */
  async after(finish: StepFinish, sandbox: Sandbox, point: StepPoint): Promise<MadeSnapshot | null> {
    const { index, more, holdsAll, stop } = point;
    this.#unsavedMs += finish.durationMs;
    this.#worth &&= !finish.hostFilesChanged;
    if (!this.#worth || !more || !holdsAll || this.#unsavedMs < worthSnapshotMs) return null;
    const lastMs = await this.#lastMs(index);
    if (lastMs > this.#unsavedMs) return { snapshotMs: lastMs, changed: null };
    const { now, reuse } = this.#run;
    const started = now();
    const made = await sandbox.snapshot(reuse.store.id, stop);
    if (!made.ok) {
      this.#worth = false;
      return null;
    }
    this.#unsavedMs = 0;
    const snapshotMs = now() - started;
    const changed = this.#maySeeSecrets(index) ? await sandbox.changes() : null;
    return { snapshot: made.value, snapshotMs, changed };
  }

  /** The snapshot's files are read beside the job's next steps. One that holds a secret, or of which that cannot be told, is removed. */
  async checked({ changed, ...note }: MadeSnapshot, step: string): Promise<SnapshotNote> {
    if (note.snapshot === undefined || changed === null) return note;
    const engine = await this.#run.engine();
    const leak =
      engine.ok && changed.ok
        ? await findLeakInSnapshot(this.#run.redactor, engine.value, note.snapshot.id, changed.value)
        : null;
    if (leak?.ok && leak.value === null) return note;
    await this.remove(note.snapshot);
    if (leak?.ok && leak.value !== null) await this.#tellLeak(leak.value, step);
    return note.snapshotMs === undefined ? {} : { snapshotMs: note.snapshotMs };
  }

  async remove({ id }: RecordedSnapshot): Promise<void> {
    const engine = await this.#run.engine();
    if (engine.ok) await engine.value.snapshots.remove(id);
  }

  /** Whether a step up to this one was granted any that is searched for. */
  #maySeeSecrets(index: number): boolean {
    const { job } = this.#instance;
    const granted = [job, ...job.steps.slice(0, index + 1)].some(({ secrets }) => secrets.length > 0);
    return granted && this.#run.redactor.guard() !== null;
  }

  async #tellLeak({ where, secret, offset }: FileLeak, step: string): Promise<void> {
    this.#worth = false;
    if (this.#isLeakTold) return;
    this.#isLeakTold = true;
    const place = `${where}, at byte ${offset}`;
    const message = `step '${step}' left the secret ${secret} in ${place}: no snapshot of that is kept, so what follows runs again next time`;
    const { id: job } = this.#instance;
    await this.#run.emit({ type: 'notice', level: 'warning', code: 'secret-in-snapshot', job, message });
  }

  /** What a snapshot at this place took the last time; 0 where none is known of. */
  async #lastMs(index: number): Promise<number> {
    const last = (await this.#previous())[0]?.links[index + 1];
    const record = last === undefined ? null : await this.#run.reuse.store.record(last.key);
    return record?.kind === 'step' ? (record.snapshotMs ?? 0) : 0;
  }
}
