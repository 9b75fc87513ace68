// A folder → the store of records, for many processes at once. Nothing in it is believed unseen.
import { randomUUID } from 'node:crypto';
import type { RecordStore } from '../../src/contract/record-store.ts';
import { type Owner, thisOwner } from '../owner.ts';
import { blobFiles } from './blob-files.ts';
import { keyLocks } from './key-locks.ts';
import { recordFiles } from './record-files.ts';
import { readStoreId, storeFolder } from './store-folder.ts';
import { type StoreUpkeep, storeUpkeep } from './store-upkeep.ts';

export interface DirectoryStoreOptions {
  /** Absolute, for this layout alone; need not be there. */
  readonly folder: string;
  /** For people, once per kind of fault. */
  readonly onFault: (message: string) => void;
  /** Bound of records, blobs and remembered snapshots together. */
  readonly maxBytes: number;
  readonly platform: NodeJS.Platform;
  readonly pid: number;
  readonly now?: () => number;
  /** Of the store; without it, what `store-id` says. */
  readonly id?: string;
  /** Who this process is for those who meet its locks; for tests that play another machine. */
  readonly self?: Owner;
}

export type DirectoryStore = RecordStore & StoreUpkeep;

/**
 * Opens or makes the store in `folder`; it needs no closing. There is in it:
 *
 * - `store-id`: 32 random hex digits, made once.
 * - `records/HEX`: a record under its key. A line with the sha256 of the rest, then JSON; so are the next two.
 * - `chains/HEX`: the last ten chains of a job, under the sha256 of what the job is called.
 * - `snapshots/HEX`: id and size of a snapshot, under the sha256 of its id.
 * - `blobs/HEX`: a blob, zstd, under the sha256 of its bytes before compression.
 * - `locks/HEX`: who holds a key, under the sha256 of the key; see lock-file.ts.
 * - `partial/OWNER.RANDOM`: a file that is being written; it is renamed when it is whole and on the disk.
 * - `scan`, `added`: how much there was at the last look through everything, and what was added since.
 *
 * The time of a file is its last use, right to the hour. Any file may be removed at any time.
 */
export function openDirectoryStore(options: DirectoryStoreOptions): DirectoryStore {
  const { folder, onFault, maxBytes, platform, pid, now = Date.now } = options;
  let self = options.self === undefined ? undefined : Promise.resolve(options.self);
  const store = storeFolder({
    folder,
    onFault,
    platform,
    now,
    self: () => (self ??= thisOwner(platform, pid).catch(() => stranger(pid))),
  });
  const id = options.id ?? readStoreId(store);
  const records = recordFiles(store);
  const locks = keyLocks(store);
  return {
    id,
    ...records,
    ...blobFiles(store),
    lock: locks.lock,
    tryLock: locks.tryLock,
    ...storeUpkeep(store, locks, maxBytes, records.forgetSnapshot),
  };
}

/** Of the store in the folder; made where there is none. */
export const directoryStoreId = (
  options: Pick<DirectoryStoreOptions, 'folder' | 'onFault' | 'platform' | 'pid'>,
): string =>
  readStoreId(storeFolder({ ...options, now: Date.now, self: () => Promise.resolve(stranger(options.pid)) }));

/** The records that others left, and the engine's names for their snapshots and volumes. */
export type StoreReader = Pick<RecordStore, 'id' | 'record' | 'blob' | 'hasBlob' | 'chains' | 'snapshots'>;

/** The same for who may only read there: nothing in the folder is changed, made or removed, the times of files included. */
export function readDirectoryStore({
  id,
  ...options
}: Pick<DirectoryStoreOptions, 'folder' | 'onFault' | 'platform' | 'pid'> & {
  readonly id: string;
}): StoreReader {
  const self = () => Promise.resolve(stranger(options.pid));
  const store = storeFolder({ ...options, now: Date.now, self, readOnly: true });
  const { record, chains, snapshots } = recordFiles(store);
  const { blob, hasBlob } = blobFiles(store);
  return { id, record, chains, snapshots, blob, hasBlob };
}

/** A process that cannot say who it is: to others it is foreign, and they to it. */
const stranger = (pid: number): Owner => ({ boot: randomUUID(), namespace: '', pid, started: '' });
