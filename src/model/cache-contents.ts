// What is kept for later runs, in the cache folder and in the engine, and what was removed of it.

export type CacheKind =
  'job' | 'step' | 'blob' | 'snapshot' | 'cache directory' | 'source index' | 'parsed file';

export interface CacheContents {
  readonly folder: string;
  readonly engine: CacheEngine;
  /** Bound of jobs, steps, blobs and snapshots together. */
  readonly maxBytes: number;
  /** The last used first. */
  readonly entries: readonly CacheEntry[];
}

/** The engine that was asked, or why it gave no answer; null: nothing is kept, so none was asked. */
export type CacheEngine = { readonly name: string } | { readonly away: string } | null;

export interface CacheEntry {
  readonly kind: CacheKind;
  /** Key of a record, digest of a blob, the engine's id of a snapshot, else the name of the volume or file. */
  readonly id: string;
  /** Null: the engine does not tell. */
  readonly bytes: number | null;
  /** Milliseconds since the epoch, right to the hour; of a snapshot that belongs to nothing: when it was made. */
  readonly usedAt: number;
  /** The scope of trust that it belongs to; absent: that of the machine itself. */
  readonly scope?: string;
  /** Empty: nothing that is known. */
  readonly belongsTo: readonly CacheUser[];
  /** Of a blob or snapshot: keys of the records that name it. */
  readonly records?: readonly string[];
  /** Of a snapshot, where it is not as it should be. `orphaned`: nothing remembers it, so nothing will use it. */
  readonly state?: 'orphaned' | 'not in this engine';
}

export interface CacheUser {
  /** Absolute path of a checkout. */
  readonly root: string;
  /** The pipeline file, relative to the root. */
  readonly file?: string;
  /** Job instance. */
  readonly job?: string;
  /** From 1. */
  readonly step?: number;
  /** Name of a cache in the pipeline file. */
  readonly cache?: string;
}

export interface CacheRemoval {
  readonly engine: CacheEngine;
  readonly removed: Readonly<Record<RemovedKind, CacheAmount>>;
  /** What should have gone and is in use. */
  readonly inUse: readonly { readonly kind: CacheKind; readonly id: string; readonly cache?: string }[];
  /** What should have gone and is out of reach: in an engine that was not asked. */
  readonly unreached: number;
  /** Of the cache folder, for people. */
  readonly faults: readonly string[];
}

export type RemovedKind = 'records' | 'snapshots' | 'cache-directories' | 'indexes';

export interface CacheAmount {
  readonly count: number;
  readonly bytes: number;
}
