// The record store contract as tests.
import { createHash, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { KeyLock, RecordStore } from '../../src/contract/record-store.ts';
import type { Digest, JobRecord, Key, KeyChain, StepRecord } from '../../src/model/record.ts';

export interface StorePlace {
  /** The store as one process sees it; each call is another process, as far as that can be played. */
  open(): RecordStore;
  /** Changes what is kept of the blob. */
  damage(digest: Digest): void;
  remove(): void;
}

export const keyOf = (text: string): Key => `sha256:${createHash('sha256').update(text).digest('hex')}`;

export const stepRecord = (name: string, more: Partial<StepRecord> = {}): StepRecord => ({
  schema: 1,
  kind: 'step',
  key: keyOf(name),
  at: 1_700_000_000_000,
  durationMs: 1234,
  outputs: { version: '1.2', odd: 'ü\n"\u2028' },
  summary: '# fine',
  log: { frames: Buffer.from('hello').toString('base64') },
  ...more,
});

export const jobRecord = (name: string, more: Partial<JobRecord> = {}): JobRecord => ({
  schema: 1,
  kind: 'job',
  key: keyOf(name),
  at: 1_700_000_000_000,
  durationMs: 1234,
  outputs: {},
  artifacts: [],
  reports: [],
  finally: [],
  ...more,
});

export async function putBlob(store: RecordStore, ...chunks: Uint8Array[]): Promise<Digest | null> {
  const writer = store.openBlob();
  for (const chunk of chunks) await writer.write(chunk);
  return writer.finish();
}

/** The bytes of a blob that is there and whole, else null. */
export async function getBlob(store: RecordStore, digest: Digest | null): Promise<Buffer | null> {
  const blob = await store.blob(digest ?? '');
  if (blob === null) return null;
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.chunks) chunks.push(Buffer.from(chunk));
  return blob.verified() ? Buffer.concat(chunks) : null;
}

const never = new AbortController().signal;

async function held(lock: Promise<KeyLock | null>): Promise<KeyLock> {
  const found = await lock;
  if (found === null) throw new Error('somebody else has the key');
  return found;
}

export function recordStoreContract(name: string, make: () => StorePlace): void {
  describe(`record store: ${name}`, () => {
    let place: StorePlace;
    let store: RecordStore;
    let other: RecordStore;
    beforeEach(() => {
      place = make();
      store = place.open();
      other = place.open();
    });
    afterEach(() => place.remove());

    test('has one id for all', () => {
      expect(store.id).toMatch(/^[A-Za-z0-9_.-]+$/);
      expect(other.id).toBe(store.id);
    });

    describe('records', () => {
      test('are found by all under their key, and only there', async () => {
        for (const record of [stepRecord('a'), jobRecord('b')]) {
          expect(await store.record(record.key)).toBeNull();
          expect(await store.putRecord(record)).toBe(true);
          expect(await store.record(record.key)).toEqual(record);
          expect(await other.record(record.key)).toEqual(record);
        }
        expect(await store.record(keyOf('c'))).toBeNull();
        expect(await store.record('no key')).toBeNull();
      });

      test('take the place of older ones', async () => {
        await store.putRecord(stepRecord('a'));
        await other.putRecord(stepRecord('a', { durationMs: 5 }));
        expect(await store.record(keyOf('a'))).toEqual(stepRecord('a', { durationMs: 5 }));
      });

      test('are forgotten, also when they are not there', async () => {
        await store.putRecord(stepRecord('a'));
        await other.forgetRecord(keyOf('a'));
        await other.forgetRecord(keyOf('a'));
        expect(await store.record(keyOf('a'))).toBeNull();
      });

      test('are values: what a reader does to one changes nothing', async () => {
        await store.putRecord(stepRecord('a'));
        Object.assign((await store.record(keyOf('a'))) ?? {}, { durationMs: 0 });
        expect(await store.record(keyOf('a'))).toEqual(stepRecord('a'));
      });
    });

    describe('blobs', () => {
      const sizes = { none: 0, one: 1, some: 70_000, many: 3_000_000 };
      test.each(Object.entries(sizes))('of %s bytes come back', async (_, size) => {
        const bytes = randomBytes(size);
        const digest = await putBlob(store, bytes);
        expect(digest).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
        expect(await getBlob(other, digest)).toEqual(bytes);
        expect(await other.hasBlob(digest ?? '')).toBe(true);
      });

      test('are what was written, in whatever pieces, even if those are used again', async () => {
        const piece = Buffer.alloc(50_000);
        const writer = store.openBlob();
        const all: Buffer[] = [];
        for (let index = 0; index < 20; index++) {
          piece.fill(index);
          all.push(Buffer.from(piece));
          await writer.write(piece);
        }
        expect(await getBlob(store, await writer.finish())).toEqual(Buffer.concat(all));
      });

      test('keep the order of writes that nobody waited for', async () => {
        const writer = store.openBlob();
        const pieces = Array.from({ length: 40 }, (_, index) => Buffer.alloc(index * 1000, index));
        const writes = pieces.map((piece) => writer.write(piece));
        const digest = await writer.finish();
        await Promise.all(writes);
        expect(await getBlob(store, digest)).toEqual(Buffer.concat(pieces));
      });

      test('that are not there', async () => {
        for (const digest of [keyOf('none'), 'sha256:../../x', '', 'latest']) {
          expect(await store.blob(digest)).toBeNull();
          expect(await store.hasBlob(digest)).toBe(false);
        }
      });

      test('that are discarded leave nothing', async () => {
        for (const size of [10, 1_000_000]) {
          const bytes = randomBytes(size);
          const writer = store.openBlob();
          await writer.write(bytes);
          await writer.discard();
          const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
          expect(await store.hasBlob(digest)).toBe(false);
        }
        await store.openBlob().discard();
      });

      test('written twice at once are one', async () => {
        const bytes = randomBytes(500_000);
        const [one, two] = await Promise.all([putBlob(store, bytes), putBlob(other, bytes)]);
        expect(one).toBe(two);
        expect(await getBlob(store, one)).toEqual(bytes);
      });

      test.each(Object.entries(sizes))('of %s bytes that were damaged are a miss', async (_, size) => {
        const bytes = randomBytes(size);
        const digest = await putBlob(store, bytes);
        place.damage(digest ?? '');
        expect(await getBlob(store, digest)).toBeNull();
        expect(await store.blob(digest ?? '')).toBeNull();
        expect(await other.hasBlob(digest ?? '')).toBe(false);
        expect(await putBlob(other, bytes)).toBe(digest);
        expect(await getBlob(store, digest)).toEqual(bytes);
      });

      test('are not verified before the end', async () => {
        const digest = await putBlob(store, randomBytes(3_000_000));
        const blob = await store.blob(digest ?? '');
        for await (const chunk of blob?.chunks ?? []) {
          expect(chunk.length).toBeGreaterThan(0);
          expect(blob?.verified()).toBe(false);
          break;
        }
        expect(blob?.verified()).toBe(false);
        expect(await store.hasBlob(digest ?? '')).toBe(true);
      });
    });

    describe('chains', () => {
      const chain = (at: number): KeyChain => ({
        at,
        links: [{ key: keyOf(`job ${at}`), parts: { of: 'job', at }, files: keyOf(`files ${at}`) }],
      });

      test('of a job are the last ten, the newest first', async () => {
        expect(await store.chains('a job: [x=1]')).toEqual([]);
        await store.putChain('other', chain(100));
        for (let at = 1; at <= 12; at++) await store.putChain('a job: [x=1]', chain(at));
        const newest = [12, 11, 10, 9, 8, 7, 6, 5, 4, 3].map(chain);
        expect(await other.chains('a job: [x=1]')).toEqual(newest);
        expect(await store.chains('other')).toEqual([chain(100)]);
        expect(await store.chains('../other')).toEqual([]);
      });

      test('put at once are all there', async () => {
        await Promise.all([1, 2, 3, 4].map((at) => store.putChain('a', chain(at))));
        expect((await store.chains('a')).map(({ at }) => at).sort()).toEqual([1, 2, 3, 4]);
      });
    });

    test('snapshots are remembered until they are forgotten', async () => {
      const before = Date.now() - 2000;
      await store.putSnapshot({ id: keyOf('one'), bytes: 1e9 });
      await store.putSnapshot({ id: keyOf('two'), bytes: 5 });
      await other.useSnapshot(keyOf('one'));
      await other.useSnapshot(keyOf('three'));
      const found = [...(await other.snapshots())].sort((a, b) => b.bytes - a.bytes);
      expect(found).toMatchObject([
        { id: keyOf('one'), bytes: 1e9 },
        { id: keyOf('two'), bytes: 5 },
      ]);
      for (const { usedAt } of found) expect(usedAt).toBeGreaterThan(before);
      await other.forgetSnapshot(keyOf('one'));
      await other.forgetSnapshot(keyOf('one'));
      expect(await store.snapshots()).toMatchObject([{ id: keyOf('two') }]);
    });

    describe('locks', () => {
      test('one holder at a time; the next gets it when it is released', async () => {
        for (const another of [store, other]) {
          const first = await held(store.lock(keyOf('k'), never));
          expect(first).toMatchObject({ key: keyOf('k'), waited: false });
          expect(await another.tryLock(keyOf('k'))).toBeNull();
          let got = false;
          const waiting = another.lock(keyOf('k'), never).then((lock) => {
            got = true;
            return lock;
          });
          await held(another.lock(keyOf('another key'), never)).then((lock) => lock.release());
          expect(got).toBe(false);
          await first.release();
          const second = await held(waiting);
          expect(second.waited).toBe(true);
          await first.release();
          expect(await store.tryLock(keyOf('k'))).toBeNull();
          await second.release();
          const third = await held(store.tryLock(keyOf('k')));
          expect(third.waited).toBe(false);
          await third.release();
        }
      });

      test('never two of many', async () => {
        let holders = 0;
        let most = 0;
        await Promise.all(
          Array.from({ length: 20 }, async (_, index) => {
            const lock = await held((index % 2 === 0 ? store : other).lock(keyOf('k'), never));
            most = Math.max(most, ++holders);
            await store.record(keyOf('r'));
            holders--;
            await lock.release();
          }),
        );
        expect(most).toBe(1);
      });

      test('who no longer wants to wait gets nothing and stands in nobody’s way', async () => {
        const first = await held(store.lock(keyOf('k'), never));
        for (const another of [store, other]) {
          const stop = new AbortController();
          const left = another.lock(keyOf('k'), stop.signal);
          const stays = another.lock(keyOf('k'), AbortSignal.any([never]));
          stop.abort();
          expect(await left).toBeNull();
          expect(await another.lock(keyOf('k'), AbortSignal.abort())).toBeNull();
          void stays.then((lock) => lock?.release());
        }
        await first.release();
        await held(store.lock(keyOf('k'), never)).then((lock) => lock.release());
      });
    });
  });
}
