import { text } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import { Readable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { cacheSeeder } from '../../../engine/seeded-caches.ts';
import type { CacheMount, CacheVolumes, Engine, Image } from '../../../src/contract/sandbox.ts';
import { fail, ok } from '../../../src/model/failure.ts';
import { memoryStore, type MemoryStore } from '../../fakes/memory-store.ts';
import { scriptedEngine } from '../../fakes/scripted-engine.ts';

const image: Image = { reference: 'x', id: 'x', digest: 'x', published: true, hasVolumes: false };
const never = new AbortController().signal;
const mount = (volume: string, from: readonly string[] = [], store: string | null = 'own'): CacheMount => ({
  ...{ cache: 'npm', volume, store, path: '/cache', from },
});

let engine: Engine;
let store: MemoryStore;
let told: string[];
beforeEach(() => {
  engine = scriptedEngine();
  store = memoryStore();
  told = [];
});

const seeder = (caches: Partial<CacheVolumes> = {}) =>
  cacheSeeder({
    store,
    engine: () => Promise.resolve(ok({ ...engine, caches: { ...engine.caches, ...caches } })),
    tell: (message) => told.push(message),
  });

function tarOf(files: Readonly<Record<string, string>>): Readable {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name: `./${name}` }, content);
  tar.finalize();
  return Readable.from(tar, { objectMode: false });
}

const put = (volume: string, files: Readonly<Record<string, string>>) =>
  engine.caches.fill(mount(volume), image, tarOf(files));

/** Null: there is no such volume. */
async function filesIn(volume: string): Promise<Readonly<Record<string, string>> | null> {
  const tar = await engine.caches.read(volume, image);
  if (!tar.ok || tar.value === null) return null;
  const entries = extract();
  Readable.from(tar.value).pipe(entries);
  const files: Record<string, string> = {};
  for await (const entry of entries)
    if (entry.header.type === 'file') files[entry.header.name] = await text(entry);
    else entry.resume();
  return files;
}

test('a new one is a copy of the first that there is; writes into it stay with it', async () => {
  await put('release', { a: 'release' });
  await put('main', { a: 'main' });
  await seeder()([mount('own', ['none', 'release', 'main'])], image, never);
  expect(await filesIn('own')).toEqual({ './a': 'release' });
  await put('own', { a: 'changed' });
  expect(await filesIn('release')).toEqual({ './a': 'release' });
});

test('one that is there is left as it is, and one that has nothing to begin with is not made', async () => {
  await put('main', { a: 'main' });
  await put('own', { b: 'own' });
  await seeder()([mount('own', ['main']), mount('other', ['none']), mount('alone')], image, never);
  expect(await filesIn('own')).toEqual({ './b': 'own' });
  expect(await filesIn('other')).toBeNull();
  expect(await filesIn('alone')).toBeNull();
  expect(told).toEqual([]);
});

test('jobs and runs that come together copy it once', async () => {
  await put('main', { a: 'main' });
  let copies = 0;
  const fill: CacheVolumes['fill'] = (...words) => {
    copies += 1;
    return engine.caches.fill(...words);
  };
  const [one, other] = [seeder({ fill }), seeder({ fill })];
  await Promise.all([one, one, other].map((seed) => seed([mount('own', ['main'])], image, never)));
  expect(copies).toBe(1);
});

test('what was left half filled is filled anew, and is empty where there is nothing to copy any more', async () => {
  await put('main', { a: 'main' });
  await put('half', { b: 'half' });
  const has: CacheVolumes['has'] = (volume) =>
    volume === 'half' ? Promise.resolve(ok('filling')) : engine.caches.has(volume);
  const filled: CacheMount[] = [];
  const fill: CacheVolumes['fill'] = async (cache, on, tar) => {
    filled.push(cache);
    await engine.caches.remove(cache.volume);
    return engine.caches.fill(cache, on, tar);
  };
  await seeder({ has, fill })([mount('half', ['main'])], image, never);
  expect(await filesIn('half')).toEqual({ './a': 'main' });
  await seeder({ has, fill })([mount('half', ['none'])], image, never);
  expect(await filesIn('half')).toEqual({});
  expect(filled).toHaveLength(2);
});

test('a copy that fails is told; the job begins with an empty one', async () => {
  await put('main', { a: 'main' });
  const refused = fail('environment', 'engine-lost', 'no room');
  await seeder({ fill: () => Promise.resolve(refused) })([mount('own', ['main'])], image, never);
  await seeder({ read: () => Promise.resolve(refused) })([mount('own', ['main'])], image, never);
  // As an engine that reads what it is given.
  const fill: CacheVolumes['fill'] = async (_cache, _image, tar) => {
    await Array.fromAsync(tar);
    return ok(undefined);
  };
  const read: CacheVolumes['read'] = () => {
    const broken: Readable = new Readable({ read: () => broken.destroy(new Error('cut')) });
    return Promise.resolve(ok(broken));
  };
  await seeder({ read, fill })([mount('own', ['main'])], image, never);
  const words = (why: string): string => `the cache npm begins empty: ${why}`;
  expect(told).toEqual([words('no room'), words('no room'), words('cut')]);
  told = [];
  await seeder({ has: () => Promise.resolve(refused) })([mount('own', ['main'])], image, never);
  expect(told).toEqual([]);
});

test('who is stopped waits for nobody and copies nothing', async () => {
  await put('main', { a: 'main' });
  const held = await store.lock('seed own', never);
  const stop = new AbortController();
  const seeding = seeder()([mount('own', ['main'])], image, stop.signal);
  stop.abort();
  await seeding;
  await held?.release();
  expect(await filesIn('own')).toBeNull();
  expect(told).toEqual([]);
});

test('a volume of this run alone takes no lock', async () => {
  await put('main', { a: 'main' });
  const held = await store.lock('seed own', never);
  await seeder()([mount('own', ['main'], null)], image, never);
  expect(await filesIn('own')).toEqual({ './a': 'main' });
  await held?.release();
});
