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
import { readSealed, sealed } from './sealed-file.ts';
import {
  digestFile,
  fileNames,
  namedFile,
  removeFile,
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
    readSealed<JobChains>(store, namedFile(store, 'chains', job), 'chain', (value) => value.job === job)
      ?.value.chains ?? [];
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
      const found = readSealed<RecordedSnapshot>(store, path, 'snapshot', (value) => value.id === id);
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

/** One of another schema is whole, but not for us. */
function readRecord(
  store: StoreFolder,
  path: string,
  key: string,
): { readonly value: StoredRecord; readonly mtimeMs: number } | null {
  const found = readSealed<StoredRecord>(store, path, 'record', (value) => value.key === key);
  const schema: number | undefined = found?.value.schema;
  return schema === recordSchema ? found : null;
}

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
    const path = join(shelf(store, 'chains'), name);
    const found = readSealed<JobChains>(store, path, 'chain', ({ job }) => {
      return job !== undefined && namedFile(store, 'chains', job) === path;
    });
    if (found !== null) yield found.value;
  }
}

export function readSnapshots(store: StoreFolder): StoredSnapshot[] {
  return fileNames(store, 'snapshots').flatMap((name) => {
    const path = join(shelf(store, 'snapshots'), name);
    const found = readSealed<RecordedSnapshot>(store, path, 'snapshot', ({ id }) => {
      return id !== undefined && namedFile(store, 'snapshots', id) === path;
    });
    return found === null ? [] : [{ ...found.value, usedAt: usedAt(store, found.mtimeMs) }];
  });
}

/** The blobs without which a record is worth nothing. */
export function blobsOf(record: StoredRecord): Digest[] {
  const digests =
    record.kind === 'step'
      ? [logBlob(record.log)]
      : [
          ...record.finally.map(({ log }) => logBlob(log)),
          ...[...record.artifacts, ...record.reports].map(({ tar }) => tar),
        ];
  return digests.filter((digest) => digest !== undefined);
}

const logBlob = (log: RecordedLog): Digest | undefined => ('blob' in log ? log.blob : undefined);
