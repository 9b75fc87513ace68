// The cache store contract as a suite: run by every implementation, every wrapper and every fake.
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CacheStore } from '../../src/contract/cache-store.ts';

export interface CacheStoreUnderTest {
  /** The same place each time, as the next machine would see it. */
  readonly open: () => CacheStore | Promise<CacheStore>;
  readonly remove: () => void | Promise<void>;
}

export function cacheStoreContract(
  name: string,
  make: () => CacheStoreUnderTest | Promise<CacheStoreUnderTest>,
): void {
  describe(`cache store: ${name}`, () => {
    let place: CacheStoreUnderTest;
    let store: CacheStore;
    let folder: string;
    let files = 0;

    beforeEach(async () => {
      place = await make();
      store = await place.open();
      folder = mkdtempSync(join(tmpdir(), 'lockstep-cache-test-'));
    });
    afterEach(async () => {
      await place.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    const fileOf = (content: string | Uint8Array): string => {
      const path = join(folder, `in-${(files += 1)}`);
      writeFileSync(path, content);
      return path;
    };
    const put = (key: string, content: string | Uint8Array) => store.put(key, fileOf(content));
    /** `key: content`, or the kind of answer. */
    const get = async (request: Parameters<CacheStore['get']>[0], from = store): Promise<string> => {
      const into = join(folder, `out-${(files += 1)}`);
      const answer = await from.get(request, into);
      expect(await from.look(request)).toEqual(answer);
      expect(existsSync(into)).toBe(answer.kind === 'hit');
      return answer.kind === 'hit' ? `${answer.key}: ${readFileSync(into, 'utf8')}` : answer.kind;
    };

    it('gives back what was put, on the next machine too', async () => {
      expect(await get({ key: 'a' })).toBe('miss');
      expect(await put('a', 'one')).toEqual({ kind: 'stored' });
      expect(await get({ key: 'a' })).toBe('a: one');
      expect(await get({ key: 'a' }, await place.open())).toBe('a: one');
    });

    it('keeps every byte of a large file, and of an empty one', async () => {
      const large = randomBytes(3_000_001);
      await put('large', large);
      await put('empty', '');
      const into = join(folder, 'out');
      expect(await store.get({ key: 'large' }, into)).toEqual({ kind: 'hit', key: 'large' });
      expect(readFileSync(into).equals(large)).toBe(true);
      expect(await get({ key: 'empty' })).toBe('empty: ');
    });

    it('never writes a key again', async () => {
      await put('a', 'one');
      expect(await put('a', 'two')).toEqual({ kind: 'exists' });
      expect(await get({ key: 'a' })).toBe('a: one');
    });

    it('answers with the key, else with the newest of the first prefix that has any', async () => {
      await put('job/x/1', 'old');
      await put('job/x/2', 'new');
      await put('job/y/1', 'newest');
      expect(await get({ key: 'job/x/1', prefixes: ['job/'] })).toBe('job/x/1: old');
      expect(await get({ key: 'job/x/3', prefixes: ['job/x/', 'job/'] })).toBe('job/x/2: new');
      expect(await get({ prefixes: ['job/z/', 'job/'] })).toBe('job/y/1: newest');
      expect(await get({ prefixes: ['jobs'] })).toBe('miss');
    });

    it('tells keys apart that look alike to a disk', async () => {
      const keys = ['a/b', 'a-b', 'A/b', 'a/b/', '..', '../a', '.', 'a'.repeat(400), `${'a'.repeat(399)}b`];
      for (const key of keys) await put(key, `of ${key}`);
      for (const key of keys) expect(await get({ key })).toBe(`${key}: of ${key}`);
    });

    it('lets one of many who put one key at once win, whole', async () => {
      const contents = Array.from({ length: 8 }, (_, index) => String(index).repeat(100_000));
      const receipts = await Promise.all(
        contents.map(async (content) => (await place.open()).put('same', fileOf(content))),
      );
      expect(receipts.filter((receipt) => receipt.kind === 'stored')).toHaveLength(1);
      expect(receipts.filter((receipt) => receipt.kind === 'exists')).toHaveLength(7);
      const won = contents[receipts.findIndex((receipt) => receipt.kind === 'stored')];
      expect(await get({ key: 'same' })).toBe(`same: ${won ?? ''}`);
    });
  });
}
