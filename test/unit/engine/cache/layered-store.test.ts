import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type DirectoryStore,
  openDirectoryStore,
  readDirectoryStore,
} from '../../../../engine/cache/directory-store.ts';
import { layeredStore } from '../../../../engine/cache/layered-store.ts';
import type { RecordStore } from '../../../../src/contract/record-store.ts';
import type { StepRecord } from '../../../../src/model/record.ts';

let folder: string;
let faults: string[];
/** Of the scope that is trusted more, as its own runs have it. */
let main: DirectoryStore;
let branch: DirectoryStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-scopes-'));
  faults = [];
  main = open('main');
  branch = layeredStore(open('branch'), [readerOf('release'), readerOf('main')]);
});
afterEach(() => rmSync(folder, { recursive: true }));

const place = () => ({
  platform: process.platform,
  pid: process.pid,
  onFault: (message: string) => void faults.push(message),
});
const open = (name: string): DirectoryStore =>
  openDirectoryStore({ ...place(), folder: join(folder, name), maxBytes: 1e9, id: name });
const readerOf = (name: string) => readDirectoryStore({ ...place(), folder: join(folder, name), id: name });

const keyOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`;
const stepRecord = (name: string, durationMs = 1): StepRecord => ({
  ...{ schema: 1, kind: 'step', key: keyOf(name), at: 1, durationMs, outputs: {}, summary: '' },
  log: { frames: '' },
});
async function putBlob(store: RecordStore, text: string): Promise<string> {
  const writer = store.openBlob();
  await writer.write(Buffer.from(text));
  return (await writer.finish()) ?? '';
}
async function getBlob(store: RecordStore, digest: string): Promise<string | null> {
  const blob = await store.blob(digest);
  const chunks = blob && (await Array.fromAsync(blob.chunks));
  return blob?.verified() ? Buffer.concat(chunks ?? []).toString() : null;
}

/** Every file of a scope: its bytes and its time. */
const stateOf = (name: string): unknown =>
  readdirSync(join(folder, name), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name: file }) => {
      const path = join(parentPath, file);
      return [path, statSync(path).mtimeMs, readFileSync(path, 'hex')];
    })
    .sort();

async function fillMain(): Promise<string> {
  await main.putRecord(stepRecord('a'));
  await main.putChain('job', { at: 5, links: [] });
  await main.putSnapshot({ id: keyOf('image'), bytes: 7 });
  const blob = await putBlob(main, 'text');
  const old = Date.now() / 1000 - 7 * 24 * 3600;
  for (const shelf of ['records', 'chains', 'snapshots', 'blobs'])
    for (const file of readdirSync(join(folder, 'main', shelf)))
      utimesSync(join(folder, 'main', shelf, file), old, old);
  return blob;
}

test('what the own scope lacks is answered by the others, and nothing of theirs is changed by it', async () => {
  const blob = await fillMain();
  const before = stateOf('main');
  expect(await branch.record(keyOf('a'))).toEqual(stepRecord('a'));
  expect(await getBlob(branch, blob)).toBe('text');
  expect(await branch.hasBlob(blob)).toBe(true);
  expect(await branch.chains('job')).toEqual([{ at: 5, links: [] }]);
  expect(await branch.snapshots()).toMatchObject([{ id: keyOf('image'), bytes: 7 }]);
  expect(await branch.record(keyOf('nowhere'))).toBeNull();
  expect(await branch.hasBlob(keyOf('nowhere'))).toBe(false);
  expect(await branch.blob(keyOf('nowhere'))).toBeNull();
  await branch.useSnapshot(keyOf('image'));
  await branch.forgetSnapshot(keyOf('image'));
  await branch.forgetRecord(keyOf('a'));
  await (await branch.lock(keyOf('a'), new AbortController().signal))?.release();
  await branch.upkeep(() => Promise.resolve(true));
  await branch.prune({ unusedForMs: 0, removeSnapshot: () => Promise.resolve(true) });
  await branch.clear({ removeSnapshot: () => Promise.resolve(true) });
  expect(stateOf('main')).toEqual(before);
  expect(await branch.record(keyOf('a'))).toEqual(stepRecord('a'));
});

test('what is put lies in the own scope, goes before that of others, and is not seen by them', async () => {
  await fillMain();
  const before = stateOf('main');
  await branch.putRecord(stepRecord('a', 9));
  await branch.putChain('job', { at: 6, links: [] });
  const blob = await putBlob(branch, 'own');
  expect(await branch.record(keyOf('a'))).toEqual(stepRecord('a', 9));
  expect((await branch.chains('job')).map(({ at }) => at)).toEqual([6, 5]);
  expect(stateOf('main')).toEqual(before);
  expect(await main.record(keyOf('a'))).toEqual(stepRecord('a'));
  expect(await main.hasBlob(blob)).toBe(false);
});

test('the nearest of several answers', async () => {
  await main.putRecord(stepRecord('a', 1));
  await open('release').putRecord(stepRecord('a', 2));
  expect(await branch.record(keyOf('a'))).toEqual(stepRecord('a', 2));
});

test('what is damaged there is a miss, told, and left where it is', async () => {
  const blob = await fillMain();
  for (const shelf of ['records', 'blobs', 'chains', 'snapshots'])
    for (const file of readdirSync(join(folder, 'main', shelf)))
      writeFileSync(join(folder, 'main', shelf, file), 'nonsense');
  const before = stateOf('main');
  expect(await branch.record(keyOf('a'))).toBeNull();
  expect(await getBlob(branch, blob)).toBeNull();
  expect(await branch.chains('job')).toEqual([]);
  expect(await branch.snapshots()).toEqual([]);
  expect(stateOf('main')).toEqual(before);
  expect(faults).toHaveLength(4);
  expect(faults.every((fault) => fault.includes('of another scope is not used'))).toBe(true);
});

test('a bound that is passed takes of the own scope alone', async () => {
  const blob = await fillMain();
  const before = stateOf('main');
  const own = openDirectoryStore({ ...place(), folder: join(folder, 'branch'), maxBytes: 1, id: 'branch' });
  const small = layeredStore(own, [readerOf('main')]);
  await small.putRecord(stepRecord('own'));
  await small.putSnapshot({ id: keyOf('own image'), bytes: 100 });
  const removed: string[] = [];
  await small.upkeep((id) => Promise.resolve(removed.push(id) > 0));
  expect(removed).toEqual([keyOf('own image')]);
  expect(await small.record(keyOf('own'))).toBeNull();
  expect(await getBlob(small, blob)).toBe('text');
  expect(stateOf('main')).toEqual(before);
});

test('scopes that are not there hold nothing, and are not made', async () => {
  const alone = layeredStore(open('alone'), [readerOf('no such')]);
  expect(await alone.record(keyOf('a'))).toBeNull();
  expect(await alone.chains('job')).toEqual([]);
  expect(await alone.snapshots()).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
});
