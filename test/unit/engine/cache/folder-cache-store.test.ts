import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { folderCacheStore } from '../../../../engine/cache/folder-cache-store.ts';
import { noSmallDisk, SmallDisk } from '../../../rig/small-disk.ts';

let parent: string;
let folder: string;
let time = 1_700_000_000_000;
const now = (): number => (time += 1000);

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'lockstep-folder-cache-'));
  folder = join(parent, 'kept');
});
afterEach(() => rmSync(parent, { recursive: true, force: true }));

const open = (maxBytes?: number) =>
  folderCacheStore({ folder, now, ...(maxBytes !== undefined && { maxBytes }) });
const file = (content: string | Uint8Array): string => {
  const path = join(parent, `in-${Math.random()}`);
  writeFileSync(path, content);
  return path;
};
const out = (): string => join(parent, `out-${Math.random()}`);
const entries = (): string[] => readdirSync(folder).map((name) => join(folder, name));
const only = (): string => entries()[0] ?? '';

describe('a damaged entry', () => {
  const damages: readonly (readonly [string, (bytes: Buffer) => Buffer])[] = [
    ['cut at its end', (bytes) => bytes.subarray(0, -1)],
    ['cut in the middle', (bytes) => bytes.subarray(0, bytes.length >> 1)],
    ['empty', () => Buffer.alloc(0)],
    ['changed in its content', (bytes) => bytes.fill('x', 2, 3)],
    ['of another key', (bytes) => Buffer.from(bytes.toString('latin1').replace('"a"', '"b"'), 'latin1')],
    ['made newer', (bytes) => Buffer.from(bytes.toString('latin1').replace(/,1(\d+),/, ',2$1,'), 'latin1')],
    [
      'with a line that is longer than itself',
      (bytes) => bytes.fill(255, bytes.length - 12, bytes.length - 8),
    ],
    ['of something else', () => Buffer.from('{}')],
  ];

  it.each(damages)('%s is a miss, told, removed, and written anew', async (_, damage) => {
    await open().put('a', file('content'));
    writeFileSync(only(), damage(readFileSync(only())));
    const into = out();
    expect(await open().get({ key: 'a' }, into)).toEqual({
      kind: 'miss',
      damaged: expect.stringContaining(folder) as string,
    });
    expect(existsSync(into)).toBe(false);
    expect(entries()).toEqual([]);
    expect(await open().put('a', file('again'))).toEqual({ kind: 'stored' });
    expect(await open().look({ key: 'a' })).toEqual({ kind: 'hit', key: 'a' });
  });

  it('is a pipe that nobody writes to, and nobody waits for one', async () => {
    await open().put('a', file('content'));
    const entry = only();
    rmSync(entry);
    execFileSync('mkfifo', [entry]);
    expect(await open().look({ key: 'a' })).toMatchObject({ kind: 'miss' });
    expect(entries()).toEqual([]);
  });

  it('makes way for the next newest', async () => {
    await open().put('job/old', file('old'));
    const before = only();
    await open().put('job/new', file('new'));
    const newest = entries().find((path) => path !== before) ?? '';
    writeFileSync(newest, readFileSync(newest).fill('x', 0, 1));
    expect(await open().get({ prefixes: ['job/'] }, out())).toEqual({ kind: 'hit', key: 'job/old' });
  });

  it('that nobody has read yet is replaced by a put', async () => {
    await open().put('a', file('content'));
    writeFileSync(only(), 'rubbish');
    expect(await open().put('a', file('again'))).toEqual({ kind: 'stored' });
    const into = out();
    await open().get({ key: 'a' }, into);
    expect(readFileSync(into, 'utf8')).toBe('again');
  });
});

describe('the size bound', () => {
  const kb = Buffer.alloc(1000);

  it('takes the least recently used, never what was just put', async () => {
    await open().put('a', file(kb));
    await open().put('b', file(kb));
    await open().get({ key: 'a' }, out());
    await open(2500).put('c', file(kb));
    expect((await open().look({ key: 'b' })).kind).toBe('miss');
    expect((await open().look({ key: 'a' })).kind).toBe('hit');
    expect((await open().look({ key: 'c' })).kind).toBe('hit');
  });

  it('declines what is larger than all of it', async () => {
    await open().put('a', file('small'));
    expect(await open(500).put('b', file(kb))).toMatchObject({ kind: 'declined' });
    expect((await open().look({ key: 'a' })).kind).toBe('hit');
  });
});

it('knows the newest when the platform lost the times of the files', async () => {
  await open().put('job/1', file('1'));
  await open().put('job/2', file('2'));
  for (const path of entries()) utimesSync(path, 1, 1);
  expect(await open().look({ prefixes: ['job/'] })).toEqual({ kind: 'hit', key: 'job/2' });
});

it('takes a time to come for a clock that jumped: the entry does not outlive all others', async () => {
  await folderCacheStore({ folder, now: () => time + 1e12 }).put('job/a-future', file('1'));
  await open().put('job/b', file('2'));
  const later = folderCacheStore({ folder, now: () => time + 1e12 + 1 });
  await later.put('job/c', file('3'));
  expect(await later.look({ prefixes: ['job/'] })).toEqual({ kind: 'hit', key: 'job/c' });
});

it('removes what a dead process left half written, not what one is writing', async () => {
  mkdirSync(folder);
  const [old, young] = ['a', 'b'].map((name) => join(folder, `${name}.partial`));
  for (const path of [old, young]) writeFileSync(path ?? '', 'half');
  utimesSync(old ?? '', 1, 1);
  utimesSync(young ?? '', time / 1000, time / 1000);
  await open().put('a', file('content'));
  expect([existsSync(old ?? ''), existsSync(young ?? '')]).toEqual([false, true]);
});

it('is an outage where the folder is none', async () => {
  writeFileSync(folder, 'a file');
  expect(await open().look({ prefixes: ['a'] })).toMatchObject({ kind: 'outage' });
  expect(await open().put('a', file('content'))).toMatchObject({ kind: 'outage' });
});

describe.skipIf(noSmallDisk !== null)('on a disk that', () => {
  it('is full declines, and leaves nothing half written', async () => {
    using disk = new SmallDisk(1);
    const store = folderCacheStore({ folder: disk.path });
    await store.put('small', file('content'));
    expect(await store.put('large', file(Buffer.alloc(3 << 20)))).toEqual({
      kind: 'declined',
      because: `no space left in ${disk.path}`,
    });
    expect(readdirSync(disk.path)).toHaveLength(1);
    expect((await store.look({ key: 'small' })).kind).toBe('hit');
  });

  it('is read-only gives what it has and declines the rest', async () => {
    using disk = new SmallDisk(1);
    const store = folderCacheStore({ folder: disk.path });
    await store.put('a', file('content'));
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    expect((await store.get({ key: 'a' }, out())).kind).toBe('hit');
    expect(await store.put('b', file('more'))).toEqual({
      kind: 'declined',
      because: `${disk.path} cannot be written`,
    });
  });
});

it.skipIf(process.getuid?.() === 0)('is an outage where the folder may not be read', async () => {
  mkdirSync(folder);
  chmodSync(folder, 0);
  expect(await open().look({ prefixes: ['a'] })).toMatchObject({ kind: 'outage' });
  chmodSync(folder, 0o700);
});
