// What lies in a store → each piece with its size, its last use and what it belongs to.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Digest, Key } from '../../src/model/record.ts';
import { blobsOf, readJobs, readRecords, readSnapshots } from './record-files.ts';
import {
  fileNames,
  isMissing,
  namedFile,
  type Shelf,
  shelf,
  type StoreFolder,
  tellUnreadable,
  usedAt,
} from './store-folder.ts';

export interface Entry {
  readonly bytes: number;
  /** Milliseconds since the epoch, right to the hour. */
  readonly usedAt: number;
}

export type StoreEntry =
  | (Entry & {
      readonly kind: 'record';
      readonly key: Key;
      readonly of: 'job' | 'step';
      /** The jobs that last had this key. */
      readonly jobs: readonly string[];
      /** Where the key stood in their chains; of a step the number that people give it. Null: in none. */
      readonly link: number | null;
    })
  | (Entry & {
      readonly kind: 'blob';
      readonly digest: Digest;
      readonly records: readonly Key[];
      /** The jobs whose chains name it. */
      readonly jobs: readonly string[];
    })
  | (Entry & { readonly kind: 'snapshot'; readonly id: string; readonly records: readonly Key[] });

export interface Found extends Entry {
  readonly kind: 'record' | 'blob' | 'snapshot';
  /** `sha256:<hex>` of a record or blob, the id of a snapshot. */
  readonly name: string;
  readonly path: string;
}

interface ShelfFile extends Entry {
  readonly name: string;
  readonly path: string;
}

export function files(store: StoreFolder, name: Shelf): ShelfFile[] {
  return fileNames(store, name).flatMap((file) => {
    const path = join(shelf(store, name), file);
    try {
      const { size, mtimeMs } = statSync(path);
      return [{ name: file, path, bytes: size, usedAt: usedAt(store, mtimeMs) }];
    } catch (error) {
      if (!isMissing(error)) tellUnreadable(store, error);
      return [];
    }
  });
}

const isDigest = ({ name }: ShelfFile): boolean => /^[0-9a-f]{64}$/.test(name);

export function findAll(store: StoreFolder): Found[] {
  const stored = (kind: 'record' | 'blob', name: Shelf): Found[] =>
    files(store, name)
      .filter(isDigest)
      .map((file) => ({ ...file, kind, name: `sha256:${file.name}` }));
  const snapshots = readSnapshots(store).map(({ id, bytes, usedAt }): Found => {
    return { kind: 'snapshot', name: id, path: namedFile(store, 'snapshots', id), bytes, usedAt };
  });
  return [...stored('record', 'records'), ...stored('blob', 'blobs'), ...snapshots];
}

/** The least recently used first. Reads every record. */
export function describe(store: StoreFolder): StoreEntry[] {
  const records = new Map([...readRecords(store)].map((record) => [record.key, record]));
  const links = [...readJobs(store)].flatMap(({ job, chains }) =>
    chains.flatMap((chain) => chain.links.map((link, at) => ({ ...link, job, at }))),
  );
  const jobs = groupBy(links.map(({ key, job }) => [key, job] as const));
  const places = new Map(links.map(({ key, at }) => [key, at]));
  const listed = groupBy(
    links.flatMap(({ files, job }) => (files === undefined ? [] : [[files, job] as const])),
  );
  const users = groupBy(
    [...records.values()].flatMap((record) => {
      const snapshot = record.kind === 'step' ? record.snapshot : undefined;
      const used = [...blobsOf(record), ...(snapshot === undefined ? [] : [snapshot.id])];
      return used.map((name) => [name, record.key] as const);
    }),
  );
  return findAll(store)
    .toSorted((a, b) => a.usedAt - b.usedAt)
    .flatMap(({ kind, name, bytes, usedAt }): StoreEntry[] => {
      switch (kind) {
        case 'record': {
          const of = records.get(name)?.kind;
          if (of === undefined) return [];
          const link = places.get(name) ?? null;
          return [{ kind, key: name, of, jobs: namesOf(jobs, name), link, bytes, usedAt }];
        }
        case 'blob':
          return [
            { kind, digest: name, records: namesOf(users, name), jobs: namesOf(listed, name), bytes, usedAt },
          ];
        case 'snapshot':
          return [{ kind, id: name, records: namesOf(users, name), bytes, usedAt }];
      }
    });
}

type Groups = ReadonlyMap<string, ReadonlySet<string>>;

function groupBy(pairs: readonly (readonly [string, string])[]): Groups {
  const groups = new Map<string, Set<string>>();
  for (const [name, value] of pairs) groups.set(name, (groups.get(name) ?? new Set()).add(value));
  return groups;
}

const namesOf = (groups: Groups, name: string): string[] => [...(groups.get(name) ?? [])];
