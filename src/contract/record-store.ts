// Where records and blobs are kept between runs, on this machine. This comment and those below are the specification.
//
// Many processes use one store at once; any of them may die at any byte. What is read is verified: bytes that are not
// what they should be are a miss, are deleted, and are told to `onFault` once per kind. Nothing rejects for what the
// world does, and no run fails because of a store: a folder that cannot be written or is full makes `put`s decline.
import type { Digest, Key, KeyChain, RecordedSnapshot, StoredRecord } from '../model/record.ts';

export interface RecordStore {
  /** Names this store in the engine: label of its snapshots and cache volumes. Stable as long as the folder lives. */
  readonly id: string;
  record(key: Key): Promise<StoredRecord | null>;
  /** A record under its key, in place of an older one. False: declined. */
  putRecord(record: StoredRecord): Promise<boolean>;
  forgetRecord(key: Key): Promise<void>;
  /** Null: not there. */
  blob(digest: Digest): Promise<VerifiedBlob | null>;
  hasBlob(digest: Digest): Promise<boolean>;
  openBlob(): BlobWriter;
  /** The last chains of a job, the newest first; `job` names it in words of the caller's. */
  chains(job: string): Promise<readonly KeyChain[]>;
  putChain(job: string, chain: KeyChain): Promise<void>;
  /** Remembers a snapshot that was made in an engine, so that its size and last use count. */
  putSnapshot(snapshot: RecordedSnapshot): Promise<void>;
  /** Tells that it was used now. */
  useSnapshot(id: string): Promise<void>;
  forgetSnapshot(id: string): Promise<void>;
  snapshots(): Promise<readonly StoredSnapshot[]>;
  /**
   * Waits until no other live holder has the key, in this process or another, then holds it. Null when `signal` aborts
   * first. A holder that died loses it. Only saves work: never relied on for what is right.
   */
  lock(key: Key, signal: AbortSignal): Promise<KeyLock | null>;
  /** The key if nobody has it now, else null. */
  tryLock(key: Key): Promise<KeyLock | null>;
}

export interface VerifiedBlob {
  /** Ends early, without an error, where the bytes are damaged. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Asked after the last chunk: was it the blob, whole and unchanged? */
  readonly verified: () => boolean;
}

/** Either `finish` or `discard` is called, once. */
export interface BlobWriter {
  /** Waits where the disk is slow. */
  write(chunk: Uint8Array): Promise<void>;
  /** The digest of what was written, once it is there to stay; null: declined. */
  finish(): Promise<Digest | null>;
  discard(): Promise<void>;
}

export interface StoredSnapshot extends RecordedSnapshot {
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

export interface KeyLock {
  readonly key: Key;
  /** Whether somebody had to be waited for. */
  readonly waited: boolean;
  release(): Promise<void>;
}
