// Records, chains of keys and remembered snapshots ↔ sealed files under their names.
import { join } from 'node:path';
import type { RecordStore, StoredSnapshot } from '../../src/contract/record-store.ts';
import type {
  Digest,
  KeyChain,
  RecordedLog,
  RecordedSnapshot,
  StoredRecord,
} from '../../src/model/record.ts';
import { areChains, isRecord, isSnapshot } from './record-shape.ts';
import { readSealed, sealed, type Unsealed } from './sealed-file.ts';
import {
  digestFile,
  fileNames,
  namedFile,
  removeFile,
  type Shelf,
  shelf,
  type StoreFolder,
  touch,
  usedAt,
  writeWhole,
} from './store-folder.ts';

type RecordFiles = Pick<
  RecordStore,
  | 'record'
  | 'putRecord'
  | 'forgetRecord'
  | 'chains'
  | 'putChain'
  | 'putSnapshot'
  | 'useSnapshot'
  | 'forgetSnapshot'
  | 'snapshots'
>;

interface JobChains {
  readonly job: string;
  /** The newest first. */
  readonly chains: readonly KeyChain[];
}

const recordSchema = 1;
const keptChains = 10;

export function recordFiles(store: StoreFolder): RecordFiles {
  const chainsOf = (job: string): readonly KeyChain[] =>
    readChains(store, namedFile(store, 'chains', job))?.chains ?? [];
  /** One after the other: each reads what the one before wrote. Of two processes at once one chain may be lost. */
  let lastChain: Promise<unknown> = Promise.resolve();
  return {
    record(key) {
      const path = digestFile(store, 'records', key);
      const found = path === null ? null : readRecord(store, path, key);
      if (path !== null && found !== null) touch(store, path, found.mtimeMs);
      return Promise.resolve(found?.value ?? null);
    },
    putRecord(record) {
      const path = digestFile(store, 'records', record.key);
      return path === null ? Promise.resolve(false) : writeWhole(store, path, sealed(record));
    },
    forgetRecord(key) {
      const path = digestFile(store, 'records', key);
      if (path !== null) removeFile(store, path);
      return Promise.resolve();
    },
    chains: (job) => Promise.resolve(chainsOf(job)),
    putChain(job, chain) {
      const put = lastChain.then(async () => {
        const chains = [chain, ...chainsOf(job)].slice(0, keptChains);
        await writeWhole(store, namedFile(store, 'chains', job), sealed({ job, chains }));
      });
      lastChain = put;
      return put;
    },
    async putSnapshot({ id, bytes }) {
      if (await writeWhole(store, namedFile(store, 'snapshots', id), sealed({ id, bytes }))) {
        store.added += bytes;
      }
    },
    useSnapshot(id) {
      const path = namedFile(store, 'snapshots', id);
      const found = readSnapshot(store, path);
      if (found !== null) touch(store, path, found.mtimeMs);
      return Promise.resolve();
    },
    forgetSnapshot(id) {
      removeFile(store, namedFile(store, 'snapshots', id));
      return Promise.resolve();
    },
    snapshots: () => Promise.resolve(readSnapshots(store)),
  };
}

const isOfOtherSchema = ({ schema }: { readonly schema?: number }): boolean =>
  typeof schema === 'number' && schema !== recordSchema;

/** One of another schema is whole, but not for us. */
function readRecord(store: StoreFolder, path: string, key: string): Unsealed<StoredRecord> | null {
  const found = readSealed<StoredRecord>(
    store,
    path,
    'record',
    (value) => value.key === key && (isOfOtherSchema(value) || isRecord(value)),
  );
  return found === null || isOfOtherSchema(found.value) ? null : found;
}

const readChains = (store: StoreFolder, path: string): JobChains | null =>
  readSealed<JobChains>(
    store,
    path,
    'chain',
    ({ job, chains }) => isNameOf(store, 'chains', job, path) && areChains(chains),
  )?.value ?? null;

const readSnapshot = (store: StoreFolder, path: string): Unsealed<RecordedSnapshot> | null =>
  readSealed<RecordedSnapshot>(
    store,
    path,
    'snapshot',
    (value) => isSnapshot(value) && isNameOf(store, 'snapshots', value.id, path),
  );

const isNameOf = (store: StoreFolder, name: Shelf, text: unknown, path: string): boolean =>
  typeof text === 'string' && namedFile(store, name, text) === path;

/** Every record that is whole, in no order. */
export function* readRecords(store: StoreFolder): Generator<StoredRecord> {
  for (const name of fileNames(store, 'records')) {
    const found = readRecord(store, join(shelf(store, 'records'), name), `sha256:${name}`);
    if (found !== null) yield found.value;
  }
}

/** Every job that has chains. */
export function* readJobs(store: StoreFolder): Generator<JobChains> {
  for (const name of fileNames(store, 'chains')) {
    const found = readChains(store, join(shelf(store, 'chains'), name));
    if (found !== null) yield found;
  }
}

export function readSnapshots(store: StoreFolder): StoredSnapshot[] {
  return fileNames(store, 'snapshots').flatMap((name) => {
    const found = readSnapshot(store, join(shelf(store, 'snapshots'), name));
    return found === null ? [] : [{ ...found.value, usedAt: usedAt(store, found.mtimeMs) }];
  });
}

/** The blobs without which a record is worth nothing. */
export function blobsOf(record: StoredRecord): Digest[] {
  const digests =
    record.kind === 'step'
      ? [logBlob(record.log)]
      : [
          ...record.finally.map((step) => step && logBlob(step.log)),
          ...[...record.artifacts, ...record.reports].map(({ tar }) => tar),
        ];
  return digests.filter((digest) => typeof digest === 'string');
}

const logBlob = (log: RecordedLog): Digest | undefined => ('blob' in log ? log.blob : undefined);
