// Records of one job instance and the blobs they need ↔ a pack, from which a store elsewhere takes what verifies.
//
// Body: `PackBody`. Parts: the blobs, by their digests, and maybe `snapshot`, the bundle of one step's snapshot, which
// is read only when a job starts from it.
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { RecordStore } from '../../src/contract/record-store.ts';
import type { Digest, Key, KeyChain, StoredRecord } from '../../src/model/record.ts';
import { errorCode } from '../disk-tree.ts';
import { keyOf } from '../key.ts';
import { Broken, readPackFile, writePackFile, type PackFile, type PackWriter } from './pack-file.ts';
import { packBody, type PackBody } from './pack-schema.ts';
import { blobsOf } from './record-files.ts';

export interface Packable {
  readonly records: readonly StoredRecord[];
  /** Has the keys of all records. */
  readonly chain: KeyChain;
  readonly snapshot: PackableSnapshot | null;
}

export interface PackableSnapshot {
  /** Of the step after which it was made. */
  readonly key: Key;
  /** Of its layers. */
  readonly bytes: number;
  /** The bundle; null: it cannot be had. Its reader may get an error. */
  readonly bundle: () => Promise<AsyncIterable<Uint8Array> | null>;
}

/**
 * A record whose blobs are not there, or not whole, is left out, as is a snapshot that cannot be had. False: nothing is
 * left to pack, it would be larger than `maxBytes` unpacked, or the disk takes no pack; nothing lies at `path` then.
 */
export async function packRecords(
  store: RecordStore,
  what: Packable,
  path: string,
  maxBytes?: number,
): Promise<boolean> {
  let done = false;
  try {
    await using pack = await writePackFile(path, maxBytes);
    const packed = await packBlobs(store, pack, what.records);
    const snapshot = packed.length === 0 ? null : await packSnapshot(pack, what.snapshot);
    for (const { files } of what.chain.links) if (files !== undefined) await packBlob(store, pack, files);
    const records = packed.map((record) => ({ ...record, snapshot: undefined }));
    await pack.finish({ schema: 1, chain: what.chain, records, ...(snapshot && { snapshot }) });
    done = packed.length > 0;
  } catch (error) {
    if (!(error instanceof Broken) && errorCode(error) === '') throw error;
  } finally {
    if (!done) await rm(path, { force: true });
  }
  return done;
}

async function packBlobs(
  store: RecordStore,
  pack: PackWriter,
  records: readonly StoredRecord[],
): Promise<StoredRecord[]> {
  const packed: StoredRecord[] = [];
  for (const record of records) {
    let whole = true;
    for (const digest of blobsOf(record)) whole &&= await packBlob(store, pack, digest);
    if (whole) packed.push(record);
  }
  return packed;
}

async function packBlob(store: RecordStore, pack: PackWriter, digest: Digest): Promise<boolean> {
  if (pack.has(digest)) return true;
  const blob = await store.blob(digest);
  if (blob === null) return false;
  await pack.add(digest, blob.chunks);
  if (!blob.verified()) pack.forget(digest);
  return blob.verified();
}

async function packSnapshot(
  pack: PackWriter,
  snapshot: PackableSnapshot | null,
): Promise<PackBody['snapshot'] | null> {
  const bundle = (await snapshot?.bundle()) ?? null;
  if (snapshot === null || bundle === null) return null;
  // What an engine sends may be cut; that is no fault of our disk.
  const cut: { error?: unknown } = {};
  const heard = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* bundle;
    } catch (error) {
      cut.error = error;
    }
  };
  await pack.add(snapshotPart, heard());
  if ('error' in cut) {
    pack.forget(snapshotPart);
    return null;
  }
  return { key: snapshot.key, bytes: snapshot.bytes };
}

const snapshotPart = 'snapshot';

export interface Unpacked {
  /** That are in the store now, from here or from before. */
  readonly keys: ReadonlySet<Key>;
  /** Null without one. `chunks` throws `Broken` where the bundle is damaged. */
  readonly snapshot: {
    readonly key: Key;
    readonly bytes: number;
    readonly chunks: () => AsyncIterable<Uint8Array>;
  } | null;
  /** Parts of it are of no use. */
  readonly damaged: boolean;
}

/**
 * Puts into the store what it lacks. A record comes in under a key that one of the chain's parts gives, when all of its
 * blobs are there; what is in the store already stays. Never rejects for what is in the file; `Broken` or the disk's
 * error come out as nothing unpacked.
 */
export async function unpackRecords(store: RecordStore, path: string, chainOf: string): Promise<Unpacked> {
  let pack: PackFile;
  let body: PackBody;
  let links: KeyChain['links'];
  try {
    pack = await readPackFile(path);
    body = packBody.parse(pack.body);
    links = body.chain.links.filter(({ key, parts }) => keyOf(parts) === key);
  } catch {
    return { keys: new Set(), snapshot: null, damaged: true };
  }
  const kinds = new Map(links.map(({ key, parts }) => [key, parts.of]));
  const keys = new Set<Key>();
  const unpack = unpacker(store, pack);
  for (const record of body.records) {
    if (kinds.get(record.key) !== (record.kind === 'job' ? 'end' : 'step')) continue;
    let whole = true;
    for (const digest of blobsOf(record)) whole &&= await unpack(digest);
    if (!whole) continue;
    if ((await store.record(record.key)) !== null || (await store.putRecord(record))) keys.add(record.key);
  }
  for (const { files } of links) if (files !== undefined) await unpack(files);
  const before = await store.chains(chainOf);
  if (keys.size > 0 && !before.some(({ at }) => at === body.chain.at))
    await store.putChain(chainOf, { ...body.chain, links });
  const { snapshot } = body;
  const bundle = pack.parts.get(snapshotPart);
  return {
    keys,
    snapshot:
      snapshot === undefined || bundle === undefined
        ? null
        : { ...snapshot, chunks: () => pack.read(bundle) },
    damaged: keys.size < body.records.length,
  };
}

/** Whether the store has the blob, from the pack if need be. Each is tried once. */
function unpacker(store: RecordStore, pack: PackFile): (digest: Digest) => Promise<boolean> {
  const tried = new Map<Digest, boolean>();
  const take = async (digest: Digest): Promise<boolean> => {
    if (await store.hasBlob(digest)) return true;
    const part = pack.parts.get(digest);
    return part !== undefined && unpackBlob(store, digest, pack.read(part));
  };
  return async (digest) => {
    const whole = tried.get(digest) ?? (await take(digest));
    tried.set(digest, whole);
    return whole;
  };
}

async function unpackBlob(
  store: RecordStore,
  digest: Digest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<boolean> {
  const blob = store.openBlob();
  const seen = createHash('sha256');
  try {
    for await (const chunk of chunks) {
      seen.update(chunk);
      await blob.write(chunk);
    }
  } catch (error) {
    await blob.discard();
    if (error instanceof Broken || errorCode(error) !== '') return false;
    throw error;
  }
  if (`sha256:${seen.digest('hex')}` === digest) return (await blob.finish()) !== null;
  await blob.discard();
  return false;
}
