import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { breaker } from '../../../../engine/cache/breaker.ts';
import type { CacheStore } from '../../../../src/contract/cache-store.ts';
import { away, memoryCacheStore, silent } from '../../../fakes/memory-cache-store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-breaker-'));
  writeFileSync(join(folder, 'file'), 'content');
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

it('is off after the first outage, and says so once', async () => {
  const store = memoryCacheStore();
  const told: string[] = [];
  const guarded = breaker(store, { onOutage: (message) => told.push(message) });
  await guarded.put('a', join(folder, 'file'));
  store.fault = away;
  const outage = { kind: 'outage', message: 'the cache is away' };
  const both = [guarded.look({ key: 'a' }), guarded.put('b', join(folder, 'file'))];
  expect(await Promise.all(both)).toEqual([outage, outage]);
  store.fault = () => null;
  expect(await guarded.get({ key: 'a' }, join(folder, 'out'))).toEqual(outage);
  expect(store.calls).toEqual(['put a → stored']);
  expect(told).toEqual(['the cache is away']);
});

it('keeps nobody waiting for what another call found out', async () => {
  const store = memoryCacheStore();
  const told: string[] = [];
  const guarded = breaker(store, { onOutage: (message) => told.push(message) });
  store.fault = silent;
  const waiting = guarded.look({ key: 'a' });
  store.fault = away;
  const outage = await guarded.look({ key: 'b' });
  expect(await waiting).toEqual(outage);
  expect(told).toEqual(['the cache is away']);
});

it('takes silence for an outage, and what comes later for nothing', async () => {
  vi.useFakeTimers();
  const store = memoryCacheStore();
  store.fault = silent;
  const told: string[] = [];
  const answer = breaker(store, { onOutage: (message) => told.push(message), silentMs: 5000 }).look({
    key: 'a',
  });
  await vi.advanceTimersByTimeAsync(5000);
  expect(await answer).toMatchObject({ kind: 'outage' });
  expect(told).toEqual(['the memory cache gave no sign of life for 5s']);
  expect(vi.getTimerCount()).toBe(0);
});

it('keeps nobody waiting after a cancel, and tells of no outage', async () => {
  vi.useFakeTimers();
  const store = memoryCacheStore();
  store.fault = silent;
  const cancel = new AbortController();
  const onOutage = vi.fn();
  const answer = breaker(store, { onOutage, cancel: cancel.signal }).look({ key: 'a' });
  cancel.abort();
  expect(await answer).toMatchObject({ kind: 'outage' });
  expect(onOutage).not.toHaveBeenCalled();
  expect(vi.getTimerCount()).toBe(0);
});

it('waits as long as there are signs of life', async () => {
  vi.useFakeTimers();
  const slow: CacheStore = {
    ...memoryCacheStore(),
    async get(_request, _into, heard) {
      for (let second = 0; second < 60; second += 1) {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        heard?.();
      }
      return { kind: 'hit', key: 'a' };
    },
  };
  const onOutage = vi.fn();
  const answer = breaker(slow, { onOutage, silentMs: 5000 }).get({ key: 'a' }, join(folder, 'out'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(await answer).toEqual({ kind: 'hit', key: 'a' });
  expect(onOutage).not.toHaveBeenCalled();
});
