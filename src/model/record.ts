// What a run leaves for later runs: how a step or a job came out, under the key of all it was made from.
import type { LogStream } from './event.ts';
import type { JsonObject } from './json.ts';
import type { PlannedReports } from './plan.ts';

/** `sha256:<hex>`. */
export type Digest = string;

/** `sha256:<hex>` of the canonical JSON of a key's parts. */
export type Key = string;

/**
 * What a key is the digest of, as JSON: every part that decides the outcome, by name. Contents that may be large or
 * should not be told (files, scripts, env values) stand there as digests, so that the parts can be kept and compared.
 */
export interface KeyParts extends JsonObject {
  /** Which of the three kinds of parts these are. */
  readonly of: 'job' | 'step' | 'end';
}

interface RecordBase {
  readonly schema: 1;
  readonly key: Key;
  /** Milliseconds since the epoch; for people, decides nothing. */
  readonly at: number;
}

/** Bytes that a step wrote: whole where they are few, else a blob of frames. See engine/log-frames. */
export type RecordedLog = { readonly frames: string } | { readonly blob: Digest };

/** A step that ended with 0. */
export interface StepRecord extends RecordBase {
  readonly kind: 'step';
  readonly durationMs: number;
  readonly outputs: Readonly<Record<string, string>>;
  /** Markdown. */
  readonly summary: string;
  readonly log: RecordedLog;
  readonly snapshot?: RecordedSnapshot;
  /** What a snapshot here cost when one was made; it pays no more when this is longer than what it saves. */
  readonly snapshotMs?: number;
}

export interface RecordedSnapshot {
  /** The engine's own id, `sha256:…`. */
  readonly id: string;
  /** Of its layers above the job's image. */
  readonly bytes: number;
}

/** A job that succeeded with no step failed, not even an allowed one. */
export interface JobRecord extends RecordBase {
  readonly kind: 'job';
  readonly durationMs: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly artifacts: readonly RecordedTree[];
  readonly reports: readonly (RecordedTree & { readonly kind: keyof PlannedReports })[];
  /** Null for one that its `if` skipped. */
  readonly finally: readonly (RecordedFinally | null)[];
}

export interface RecordedTree {
  readonly name: string;
  /** Of the tree, as `treeDigest`. */
  readonly digest: Digest;
  /** Blob: a tar of the tree as `packTar` writes it; absent for a tree without entries. */
  readonly tar?: Digest;
}

/** A `finally` step that ended with 0. */
export interface RecordedFinally {
  readonly durationMs: number;
  readonly summary: string;
  readonly log: RecordedLog;
}

export type StoredRecord = StepRecord | JobRecord;

/** One piece of a log, in the order in which it came. */
export interface LogFrame {
  readonly stream: LogStream;
  readonly chunk: Uint8Array;
}

/** What one run of a job instance was made from, link by link: what `explain` compares with. */
export interface KeyChain {
  readonly at: number;
  /** The job itself, its steps as far as they were known, and its end where that was reached. */
  readonly links: readonly KeyLink[];
}

export interface KeyLink {
  readonly key: Key;
  readonly parts: KeyParts;
  /** Blob: the files that the step was the first to see, see engine/file-list; absent where there were none. */
  readonly files?: Digest;
}
