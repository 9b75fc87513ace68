// A record store without a disk: what is put is there at once, and a test can look in, fill it up and damage it.
import { createHash } from 'node:crypto';
import type { BlobWriter, KeyLock, RecordStore, StoredSnapshot } from '../../src/contract/record-store.ts';
import type { Digest, Key, KeyChain, StoredRecord } from '../../src/model/record.ts';

export interface MemoryStore extends RecordStore {
  readonly records: ReadonlyMap<Key, StoredRecord>;
  readonly blobs: ReadonlyMap<Digest, Uint8Array>;
  /** Keys that are held now. */
  readonly locked: ReadonlySet<Key>;
  /** While true, every put declines. */
  full: boolean;
  /** The blob's bytes are no longer what they were: found out by whoever reads it to its end. */
  damage(digest: Digest): void;
  dropBlob(digest: Digest): void;
}

const keptChains = 10;

/** Values go through JSON, as they do on a disk. */
const copy = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export function memoryStore(id = 'memory'): MemoryStore {
  const records = new Map<Key, StoredRecord>();
  const blobs = new Map<Digest, Uint8Array>();
  const chains = new Map<string, KeyChain[]>();
  const snapshots = new Map<string, StoredSnapshot>();
  const locks = memoryLocks();
  const store: MemoryStore = {
    id,
    records,
    blobs,
    locked: locks.held,
    full: false,
    damage(digest) {
      const bytes = blobs.get(digest);
      if (bytes === undefined) throw new Error(`no blob ${digest}`);
      blobs.set(digest, bytes.length === 0 ? Buffer.from('x') : bytes.map((byte) => byte ^ 1));
    },
    dropBlob: (digest) => void blobs.delete(digest),
    record: (key) => Promise.resolve(copy(records.get(key) ?? null)),
    putRecord(record) {
      if (!store.full) records.set(record.key, copy(record));
      return Promise.resolve(!store.full);
    },
    forgetRecord: (key) => Promise.resolve(void records.delete(key)),
    blob(digest) {
      const bytes = blobs.get(digest);
      if (bytes === undefined) return Promise.resolve(null);
      let verified = false;
      async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
        const half = bytes.length >> 1;
        for (const chunk of [bytes.subarray(0, half), bytes.subarray(half)]) {
          if (chunk.length > 0) yield Buffer.from(chunk);
          await Promise.resolve();
        }
        verified = digestOf(bytes) === digest;
        if (!verified) blobs.delete(digest);
      }
      return Promise.resolve({ chunks: chunks(bytes), verified: () => verified });
    },
    hasBlob: (digest) => Promise.resolve(blobs.has(digest)),
    openBlob: () =>
      memoryBlob((digest, bytes) => {
        if (!store.full) blobs.set(digest, bytes);
        return !store.full;
      }),
    chains: (job) => Promise.resolve(copy(chains.get(job) ?? [])),
    putChain(job, chain) {
      if (!store.full) chains.set(job, [copy(chain), ...(chains.get(job) ?? [])].slice(0, keptChains));
      return Promise.resolve();
    },
    putSnapshot({ id, bytes }) {
      if (!store.full) snapshots.set(id, { id, bytes, usedAt: Date.now() });
      return Promise.resolve();
    },
    useSnapshot(id) {
      const found = snapshots.get(id);
      if (found !== undefined) snapshots.set(id, { ...found, usedAt: Date.now() });
      return Promise.resolve();
    },
    forgetSnapshot: (id) => Promise.resolve(void snapshots.delete(id)),
    snapshots: () => Promise.resolve([...snapshots.values()]),
    lock: locks.lock,
    tryLock: locks.tryLock,
  };
  return store;
}

const digestOf = (bytes: Uint8Array): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function memoryBlob(put: (digest: Digest, bytes: Uint8Array) => boolean): BlobWriter {
  const held: Uint8Array[] = [];
  let open = true;
  const close = (): void => {
    if (!open) throw new Error('the blob is finished or discarded already');
    open = false;
  };
  return {
    write(chunk) {
      if (!open) throw new Error('a write after the end of the blob');
      held.push(Buffer.from(chunk));
      return Promise.resolve();
    },
    finish() {
      close();
      const bytes = Buffer.concat(held);
      const digest = digestOf(bytes);
      return Promise.resolve(put(digest, bytes) ? digest : null);
    },
    discard() {
      close();
      return Promise.resolve();
    },
  };
}

/** Those who wait get the key in the order in which they came. */
function memoryLocks(): Pick<RecordStore, 'lock' | 'tryLock'> & { readonly held: ReadonlySet<Key> } {
  const held = new Set<Key>();
  const waiting = new Map<Key, (() => void)[]>();
  const take = (key: Key, waited: boolean): KeyLock => {
    held.add(key);
    let mine = true;
    return {
      key,
      waited,
      release() {
        const next = mine ? waiting.get(key)?.shift() : undefined;
        if (next !== undefined) next();
        else if (mine) held.delete(key);
        mine = false;
        return Promise.resolve();
      },
    };
  };
  return {
    held,
    tryLock: (key) => Promise.resolve(held.has(key) ? null : take(key, false)),
    lock(key, signal) {
      if (signal.aborted) return Promise.resolve(null);
      if (!held.has(key)) return Promise.resolve(take(key, false));
      return new Promise((resolve) => {
        const queue = waiting.get(key) ?? [];
        waiting.set(key, queue);
        const next = (): void => {
          signal.removeEventListener('abort', leave);
          resolve(take(key, true));
        };
        const leave = (): void => {
          queue.splice(queue.indexOf(next), 1);
          resolve(null);
        };
        queue.push(next);
        signal.addEventListener('abort', leave, { once: true });
      });
    },
  };
}
