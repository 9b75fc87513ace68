// A job while it runs → the records of its steps, snapshots where they pay, and in the end the record of the whole.
import type { Scope } from '../src/contract/evaluator.ts';
import type { KeyLock, RecordStore } from '../src/contract/record-store.ts';
import type { Sandbox } from '../src/contract/sandbox.ts';
import type { PlannedStep } from '../src/model/plan.ts';
import type { Key, KeyChain, KeyLink, KeyParts, RecordedFinally, RecordedLog } from '../src/model/record.ts';
import type { TreeEntry } from '../src/model/tree.ts';
import type { StoredReport } from './collect.ts';
import { storeFileList } from './file-list.ts';
import type { StoredArtifact } from './finished-job.ts';
import { afterStep, endParts, keyOf, skippedParts, stepParts } from './key.ts';
import { recordLog, type LogRecording } from './log-frames.ts';
import { JobSnapshots, type StepPoint } from './job-snapshots.ts';
import type { JobPlace, KnownStep } from './recorded-job.ts';
import type { JobInstance } from './resolve-job.ts';
import type { StepFinish } from './run-step.ts';
import type { Run } from './run.ts';
import { storeTree } from './stored-tree.ts';

export interface Recording {
  readonly instance: JobInstance;
  readonly place: JobPlace;
  /** Parts of `place.start`. */
  readonly parts: KeyParts;
  /** In words of `RecordStore.chains`. */
  readonly chainOf: string;
  /** Of the first key that is not recorded, and how many steps come before it. */
  readonly lock: KeyLock | null;
  readonly recorded: number;
  /** False where a commit does not hold all that the job's steps see. */
  readonly snapshots: boolean;
}

/** What a job that succeeded leaves. */
export interface JobYield {
  readonly steps: readonly StepFinish[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly artifacts: readonly StoredArtifact[];
  readonly reports: readonly StoredReport[];
}

/** Calls in the order of the steps: `known`, `begin`, `end`, …, `endSteps`, `beginFinally`, …, `finish`. */
export class JobRecording {
  readonly #run: Run;
  readonly #recording: Recording;
  readonly #links: KeyLink[];
  readonly #finally: LogRecording[] = [];
  #recordsAny = false;
  #isWhole = true;
  /** Null: what follows depends on something that is not recorded. */
  #before: Key | null;
  #current: { readonly link: KeyLink; readonly log: LogRecording } | null = null;
  #end: KeyLink | null = null;
  #lock: KeyLock | null;
  /** Writes go on beside the steps, one after the other. */
  #writes: Promise<unknown> = Promise.resolve();
  #previous: Promise<readonly KeyChain[]> | null = null;
  readonly #snapshots: JobSnapshots;

  constructor(run: Run, recording: Recording) {
    this.#run = run;
    this.#recording = recording;
    this.#before = recording.place.start;
    this.#links = [{ key: recording.place.start, parts: recording.parts }];
    this.#lock = recording.lock;
    const previous = (): Promise<readonly KeyChain[]> => this.#chains();
    this.#snapshots = new JobSnapshots(run, recording.instance, previous, recording.snapshots);
  }

  get #store(): RecordStore {
    return this.#run.reuse.store;
  }

  /** What was recorded of the job before, newest first. Read when it is wanted: most runs never do. */
  #chains(): Promise<readonly KeyChain[]> {
    return (this.#previous ??= this.#store.chains(this.#recording.chainOf));
  }

  /** A step that was answered from its record. */
  known({ key, parts, record }: KnownStep): void {
    this.#before = afterStep(key, record?.outputs ?? {});
    this.#later(async () => {
      const links = (await this.#chains()).flatMap((chain) => chain.links);
      this.#links.push(links.find((link) => link.key === key) ?? { key, parts });
    });
  }

  /** Of a step that is about to run, or that its `if` skips. Where its log is to be recorded too; null: nowhere. */
  async begin(index: number, step: PlannedStep, scope: Scope, runs: boolean): Promise<LogRecording | null> {
    if (this.#before === null) return null;
    const { place } = this.#recording;
    const files = place.files[index] ?? [];
    const parts = runs
      ? stepParts(this.#before, step, scope, { ...place, files })
      : skippedParts(this.#before, files);
    if (parts === null || !step.reuse) {
      this.stop();
      return null;
    }
    const link: KeyLink = { key: keyOf(parts), parts };
    if (!runs) {
      this.#before = link.key;
      this.#later(() => this.#isWhole && this.#links.push(link));
      return null;
    }
    if (index >= this.#recording.recorded) await this.#moveLock(link.key);
    const log = recordLog(() => this.#store.openBlob());
    this.#current = { link, log };
    return log;
  }

  /** Waits for the snapshot, if one is made. */
  async end(finish: StepFinish, sandbox: Sandbox, point: StepPoint): Promise<void> {
    const current = this.#current;
    this.#current = null;
    if (current === null) return;
    const { link, log } = current;
    if (this.#before === null || !finish.recordable) {
      await log.discard();
      this.stop();
      return;
    }
    this.#before = afterStep(link.key, finish.outputs);
    const files = this.#recording.place.files[point.index] ?? [];
    const made = await this.#snapshots.after(finish, sandbox, point);
    this.#later(async () => {
      const recordedLog = await log.finish();
      this.#isWhole &&= recordedLog !== null;
      if (recordedLog === null) return made?.snapshot && this.#snapshots.remove(made.snapshot);
      const snapshot = made && (await this.#snapshots.checked(made, finish.result.name));
      const { key } = link;
      const { outputs, summary, durationMs } = finish;
      const put = await this.#store.putRecord({
        ...{ schema: 1, kind: 'step', key, at: this.#run.now(), durationMs, outputs, summary },
        log: recordedLog,
        ...snapshot,
      });
      this.#recordsAny ||= put;
      // A chain ends at the first gap: its links stand for the steps by their place.
      this.#isWhole &&= put;
      if (this.#isWhole) this.#links.push({ ...link, ...(await storeFileList(this.#store, files)) });
      if (snapshot?.snapshot === undefined) return;
      if (put) await this.#store.putSnapshot(snapshot.snapshot);
      // Nobody would ever start from it.
      else await this.#snapshots.remove(snapshot.snapshot);
    });
  }

  /** After the last of the steps, before `finally`. */
  async endSteps(scope: Scope, succeeded: boolean): Promise<void> {
    const { place } = this.#recording;
    if (!succeeded || place.job.finally.some((step) => !step.reuse)) this.stop();
    if (this.#before === null) return;
    const files = place.files.slice(place.job.steps.length);
    const parts = endParts(this.#before, scope, { ...place, files });
    if (parts === null) return;
    this.#end = { key: keyOf(parts), parts };
    await this.#moveLock(this.#end.key);
  }

  /** Of a `finally` step that is about to run. */
  beginFinally(): LogRecording | null {
    if (this.#end === null) return null;
    const log = recordLog(() => this.#store.openBlob());
    this.#finally.push(log);
    return log;
  }

  /** Nothing that follows is recorded, so nobody is to wait for it. */
  stop(): void {
    this.#before = null;
    this.#end = null;
    this.#release();
  }

  /** `made`: null when the job did not succeed. The run waits for what is still written; resolves when it is. */
  finish(made: JobYield | null): Promise<unknown> {
    this.#later(async () => {
      const end = this.#end;
      if (end !== null && made !== null) await this.#recordJob(end, made);
      else for (const log of this.#finally) await log.discard();
      const { chainOf } = this.#recording;
      if (this.#recordsAny) await this.#store.putChain(chainOf, { at: this.#run.now(), links: this.#links });
    });
    this.#release();
    this.#run.later(this.#writes);
    return this.#writes;
  }

  async #recordJob(end: KeyLink, { steps, outputs, artifacts, reports }: JobYield): Promise<void> {
    const finished = await Promise.all(this.#finally.map((log) => log.finish()));
    const logs = finished.filter((log) => log !== null);
    if (logs.length < finished.length) return;
    const trees = [];
    for (const { name, folder, entries } of artifacts) {
      const tree = await storeTree(this.#store, name, folder, entries);
      if (tree === null) return;
      trees.push(tree);
    }
    const reportTrees = [];
    for (const { kind, folder, entries } of reports) {
      const tree = await storeTree(this.#store, kind, folder, entries);
      if (tree === null) return;
      reportTrees.push({ ...tree, kind });
    }
    const put = await this.#store.putRecord({
      ...{ schema: 1, kind: 'job', key: end.key, at: this.#run.now(), outputs },
      durationMs: steps.reduce((sum, step) => sum + step.durationMs + step.savedMs, 0),
      artifacts: trees,
      reports: reportTrees,
      finally: steps.slice(this.#recording.place.job.steps.length).map((step) => recordedFinally(step, logs)),
    });
    this.#recordsAny ||= put;
    if (put && this.#isWhole) this.#links.push(end);
  }

  /** Others who wait for the step before see its record, then wait for this one. */
  async #moveLock(key: Key): Promise<void> {
    if (this.#lock === null || this.#lock.key === key) return;
    const next = await this.#store.tryLock(key);
    this.#release();
    this.#lock = next;
  }

  #release(): void {
    const lock = this.#lock;
    this.#lock = null;
    this.#writes = this.#writes.then(() => lock?.release());
  }

  #later(work: () => unknown): void {
    this.#writes = this.#writes.then(work);
  }
}

function recordedFinally(
  { result, durationMs, summary }: StepFinish,
  logs: RecordedLog[],
): RecordedFinally | null {
  return result.status === 'skipped' ? null : { durationMs, summary, log: logs.shift() ?? { frames: '' } };
}

/** Files that lie in a workspace already when the job is opened. */
export const filesOf = (
  workspace: readonly (readonly { readonly entry: TreeEntry }[])[],
): readonly (readonly TreeEntry[])[] =>
  workspace.map((items) => {
    // Jobs share them; what is frozen is digested once.
    const files = entriesOf.get(items) ?? Object.freeze(items.map(({ entry }) => entry));
    entriesOf.set(items, files);
    return files;
  });

const entriesOf = new WeakMap<object, readonly TreeEntry[]>();
