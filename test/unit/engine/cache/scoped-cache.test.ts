// A scope's own place before those of scopes that it reads: which answers, and which is written.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { scopedCache } from '../../../../engine/cache/scoped-cache.ts';
import { away, memoryCacheStore } from '../../../fakes/memory-cache-store.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-scoped-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const holding = (...keys: string[]) => {
  const store = memoryCacheStore();
  for (const key of keys) store.entries.set(key, Buffer.from(key));
  return store;
};
const asked = { key: 'job/1/whole', prefixes: ['job/1/', 'job/'] };

it.each([
  ['its own', ['job/1/whole'], ['job/1/whole', 'job/2'], 'job/1/whole'],
  ['what fits better', ['job/2', 'job/1/a'], ['job/1/whole'], 'job/1/whole'],
  ['what fits better by its beginning', ['job/2'], ['job/1/b'], 'job/1/b'],
  ['what lies nearer, where both fit as well', ['job/1/a'], ['job/1/b'], 'job/1/a'],
])('answers with %s', async (_what, own, other, key) => {
  const store = scopedCache(holding(...own), [holding(), holding(...other)]);
  expect(await store.look(asked)).toEqual({ kind: 'hit', key });
  expect(await store.get(asked, join(folder, 'out'))).toEqual({ kind: 'hit', key });
});

it('says what was damaged where nothing is found, and that a place is away', async () => {
  const damaged = {
    ...holding(),
    look: () => Promise.resolve({ kind: 'miss' as const, damaged: 'half of it' }),
  };
  expect(await scopedCache(damaged, [holding()]).look(asked)).toEqual({
    kind: 'miss',
    damaged: 'half of it',
  });
  expect(await scopedCache(damaged, [holding('job/2')]).look(asked)).toEqual({ kind: 'hit', key: 'job/2' });
  const gone = holding();
  gone.fault = away;
  expect(await scopedCache(holding(), [gone]).look(asked)).toMatchObject({ kind: 'outage' });
});

it('writes its own place alone', async () => {
  const [own, other] = [holding(), holding()];
  writeFileSync(join(folder, 'in'), 'x');
  await scopedCache(own, [other]).put('job/3', join(folder, 'in'));
  expect([own.entries.size, other.entries.size]).toEqual([1, 0]);
});
