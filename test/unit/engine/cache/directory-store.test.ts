// What a disk, a clock and other processes can do to the store: all of it is a miss or a declined put, told once.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDirectoryStore, type DirectoryStore } from '../../../../engine/cache/directory-store.ts';
import { sealed } from '../../../../engine/cache/sealed-file.ts';
import { leastUsed } from '../../../../engine/cache/store-upkeep.ts';
import { type Owner, ownerText, thisOwner } from '../../../../engine/owner.ts';
import { getBlob, jobRecord, keyOf, putBlob, stepRecord } from '../../../conformance/record-store.ts';

const hourMs = 3600_000;
const dayMs = 24 * hourMs;
const never = new AbortController().signal;

let folder: string;
let faults: string[];
let now: number;
let store: DirectoryStore;

const open = (self?: Owner, maxBytes = 1e9): DirectoryStore =>
  openDirectoryStore({
    folder,
    onFault: (message) => faults.push(message),
    maxBytes,
    platform: process.platform,
    pid: process.pid,
    now: () => now,
    ...(self !== undefined && { self }),
  });
const file = (shelf: string, digest: string): string => join(folder, shelf, digest.replace('sha256:', ''));
const list = (shelf: string): string[] => readdirSync(join(folder, shelf));
/** Sets when a file was last used, in milliseconds before now. */
const age = (path: string, ms: number): void => utimesSync(path, (now - ms) / 1000, (now - ms) / 1000);
const usedAgo = (path: string): number => now - statSync(path).mtimeMs;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
  faults = [];
  now = Date.now();
  store = open();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const harms: Record<string, (path: string) => void> = {
  cut: (path) => writeFileSync(path, readFileSync(path).subarray(0, -3)),
  'cut to half': (path) => writeFileSync(path, readFileSync(path).subarray(0, statSync(path).size / 2)),
  flipped: (path) => {
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 4, bytes.length >> 1);
    writeFileSync(path, bytes);
  },
  emptied: (path) => writeFileSync(path, ''),
  'made garbage': (path) => writeFileSync(path, 'garbage \0\xff'.repeat(50)),
  'replaced by a folder': (path) => {
    rmSync(path);
    mkdirSync(join(path, 'inner'), { recursive: true });
  },
};

describe.each(Object.entries(harms))('%s', (_, harm) => {
  test('a record is a miss, removed, told once, and can be put again', async () => {
    for (const name of ['a', 'b']) {
      await store.putRecord(stepRecord(name));
      harm(file('records', keyOf(name)));
      expect(await store.record(keyOf(name))).toBeNull();
      expect(existsSync(file('records', keyOf(name)))).toBe(false);
    }
    expect(faults).toEqual([expect.stringMatching(/damaged record/)]);
    expect(await store.putRecord(stepRecord('a'))).toBe(true);
    expect(await store.record(keyOf('a'))).toEqual(stepRecord('a'));
  });

  test('a record that is put over is whole again', async () => {
    await store.putRecord(stepRecord('a'));
    harm(file('records', keyOf('a')));
    expect(await store.putRecord(stepRecord('a'))).toBe(true);
    expect(await store.record(keyOf('a'))).toEqual(stepRecord('a'));
  });

  test.each([100, 300_000])('a blob of %d bytes is a miss, removed, told once', async (size) => {
    for (const fill of ['ab', 'cd']) {
      const digest = (await putBlob(store, Buffer.alloc(size, fill))) ?? '';
      harm(file('blobs', digest));
      expect(await getBlob(store, digest)).toBeNull();
      expect(existsSync(file('blobs', digest))).toBe(false);
    }
    expect(faults).toEqual([expect.stringMatching(/damaged blob/)]);
  });

  test('chains are none and a snapshot is forgotten', async () => {
    await store.putChain('job', { at: 1, links: [] });
    await store.putSnapshot({ id: 'one', bytes: 5 });
    for (const shelf of ['chains', 'snapshots']) for (const name of list(shelf)) harm(file(shelf, name));
    expect(await store.chains('job')).toEqual([]);
    expect(await store.snapshots()).toEqual([]);
    expect(faults).toHaveLength(2);
  });
});

test('a record under another key’s name and a blob under another’s are misses', async () => {
  await store.putRecord(stepRecord('a'));
  copyFileSync(file('records', keyOf('a')), file('records', keyOf('b')));
  expect(await store.record(keyOf('b'))).toBeNull();
  const [one, two] = [await putBlob(store, Buffer.from('one')), await putBlob(store, Buffer.from('two'))];
  copyFileSync(file('blobs', one ?? ''), file('blobs', two ?? ''));
  expect(await getBlob(store, two)).toBeNull();
  expect(await getBlob(store, one)).toEqual(Buffer.from('one'));
  expect(await store.record(keyOf('a'))).toEqual(stepRecord('a'));
  expect(faults).toHaveLength(2);
});

test.each(['', 'garbage', '../../x\n'])('a damaged id (%j) is replaced once for all', (text) => {
  writeFileSync(join(folder, 'store-id'), text);
  const { id } = open();
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(open().id).toBe(id);
  expect(faults).toHaveLength(1);
});

const oddRecords: Record<string, object> = {
  'no schema': { ...stepRecord('a'), schema: undefined },
  'no time': { ...stepRecord('a'), at: '5' },
  'an odd kind': { ...stepRecord('a'), kind: 'end' },
  'no duration': { ...stepRecord('a'), durationMs: null },
  'a list of outputs': { ...stepRecord('a'), outputs: ['x'] },
  'an output that is no text': { ...stepRecord('a'), outputs: { x: { y: 'z' } } },
  'a summary that is no text': { ...stepRecord('a'), summary: 5 },
  'no log': { ...stepRecord('a'), log: null },
  'a log under another name': { ...stepRecord('a'), log: { blob: '../../x' } },
  'a snapshot without size': { ...stepRecord('a'), snapshot: { id: 'x' } },
  'no cost': { ...stepRecord('a'), snapshotMs: null },
  'a step for a job': { ...stepRecord('a'), kind: 'job' },
  'an artifact out of its folder': {
    ...jobRecord('a'),
    artifacts: [{ name: '../x', digest: keyOf('x') }],
  },
  'an artifact without digest': { ...jobRecord('a'), artifacts: [{ name: 'x' }] },
  'an artifact with an odd tar': {
    ...jobRecord('a'),
    artifacts: [{ name: 'x', digest: keyOf('x'), tar: keyOf('x').slice(1) }],
  },
  'artifacts by name': { ...jobRecord('a'), artifacts: { x: { name: 'x', digest: keyOf('x') } } },
  'an odd report': { ...jobRecord('a'), reports: [{ name: 'x', digest: keyOf('x'), kind: '..' }] },
  'an odd finally': { ...jobRecord('a'), finally: [null, { durationMs: 1, summary: '' }] },
};

test.each(Object.entries(oddRecords))('a whole record with %s is a damaged one', async (_, record) => {
  writeFileSync(file('records', keyOf('a')), sealed(record));
  expect(await store.entries()).toEqual([]);
  expect(await store.record(keyOf('a'))).toBeNull();
  expect(list('records')).toEqual([]);
  expect(faults).toEqual([expect.stringMatching(/damaged record/)]);
});

test.each([
  { ...stepRecord('a'), outputs: {}, log: { blob: keyOf('log') }, snapshotMs: 0.5 },
  { ...stepRecord('a'), snapshot: { id: 'sha256:1', bytes: 0 } },
  jobRecord('a', {
    artifacts: [{ name: '_a-1.x', digest: keyOf('x') }],
    reports: [{ name: 'junit', kind: 'junit', digest: keyOf('x'), tar: keyOf('y') }],
    finally: [null, { durationMs: 0, summary: '', log: { frames: '' } }],
  }),
])('a record with all that one can have is found (%#)', async (record) => {
  await store.putRecord(record);
  expect(await store.record(keyOf('a'))).toEqual(record);
  expect(await store.entries()).toHaveLength(1);
});

test.each([
  [{ job: 'job' }],
  [{ job: 5, chains: [] }],
  [{ job: 'job', chains: [{ links: [] }] }],
  [{ job: 'job', chains: [{ at: 1, links: [{ key: 'x', parts: { of: 'job' } }] }] }],
  [{ job: 'job', chains: [{ at: 1, links: [{ key: keyOf('x'), parts: {} }] }] }],
  [{ job: 'job', chains: [{ at: 1, links: [{ key: keyOf('x'), parts: { of: 'job' }, files: 5 }] }] }],
])('whole chains of another shape are damaged ones: %j', async (chains) => {
  for (const read of [() => store.chains('job'), () => store.entries()]) {
    await store.putChain('job', { at: 1, links: [] });
    writeFileSync(file('chains', list('chains')[0] ?? ''), sealed(chains));
    expect(await read()).toEqual([]);
    expect(list('chains')).toEqual([]);
  }
  expect(faults).toEqual([expect.stringMatching(/damaged chain/)]);
});

test.each([{ id: 5, bytes: 5 }, { id: 'one' }, { id: 'one', bytes: '5' }])(
  'a whole snapshot of another shape is a damaged one: %j',
  async (snapshot) => {
    await store.putSnapshot({ id: 'one', bytes: 5 });
    writeFileSync(file('snapshots', list('snapshots')[0] ?? ''), sealed(snapshot));
    expect(await store.snapshots()).toEqual([]);
    expect(faults).toEqual([expect.stringMatching(/damaged snapshot/)]);
  },
);

test('a record of another schema is a miss and stays', async () => {
  await store.putRecord({ ...stepRecord('a'), schema: 2 as 1 });
  expect(await store.record(keyOf('a'))).toBeNull();
  expect(list('records')).toHaveLength(1);
  expect(faults).toEqual([]);
});

test('where no id can be kept, every process makes the same one of the path', () => {
  rmSync(folder, { recursive: true });
  writeFileSync(folder, 'a file');
  const { id } = open();
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(open().id).toBe(id);
  const above = folder;
  folder = join(above, 'below');
  expect(open().id).not.toBe(id);
  folder = above;
});

test('a folder that is removed while it is used is made again', async () => {
  rmSync(folder, { recursive: true });
  expect(await store.record(keyOf('a'))).toBeNull();
  expect(await store.putRecord(stepRecord('a'))).toBe(true);
  expect(await store.record(keyOf('a'))).toEqual(stepRecord('a'));
  expect(faults).toEqual([]);
});

test('a folder that cannot be made: all misses, puts decline, locks are ours, told once', async () => {
  rmSync(folder, { recursive: true });
  writeFileSync(folder, 'a file');
  store = open();
  expect(store.id).toMatch(/^\w+$/);
  expect(await store.putRecord(stepRecord('a'))).toBe(false);
  expect(await store.record(keyOf('a'))).toBeNull();
  for (const size of [5, 1_000_000]) expect(await putBlob(store, Buffer.alloc(size))).toBeNull();
  expect(await store.blob(keyOf('a'))).toBeNull();
  await store.putChain('job', { at: 1, links: [] });
  expect(await store.chains('job')).toEqual([]);
  await store.putSnapshot({ id: 'one', bytes: 1 });
  await store.useSnapshot('one');
  expect(await store.snapshots()).toEqual([]);
  await store.forgetRecord(keyOf('a'));
  const lock = await store.lock(keyOf('a'), never);
  expect(await store.tryLock(keyOf('a'))).toBeNull();
  await lock?.release();
  expect(await store.upkeep(null)).toEqual({ count: 0, bytes: 0 });
  expect(await store.entries()).toEqual([]);
  expect(faults).toEqual([expect.stringMatching(/cannot write to the cache folder/)]);
});

describe('use', () => {
  test('is noted at most once an hour, and a time in the future is put right', async () => {
    await store.putRecord(stepRecord('a'));
    const digest = (await putBlob(store, Buffer.from('x'))) ?? '';
    await store.putSnapshot({ id: 'one', bytes: 1 });
    const uses: [string, () => Promise<unknown>][] = [
      [file('records', keyOf('a')), () => store.record(keyOf('a'))],
      [file('blobs', digest), () => store.hasBlob(digest)],
      [file('blobs', digest), () => getBlob(store, digest)],
      [file('snapshots', list('snapshots')[0] ?? ''), () => store.useSnapshot('one')],
    ];
    for (const [path, use] of uses) {
      age(path, hourMs / 2);
      await use();
      expect(usedAgo(path)).toBeGreaterThan(hourMs / 3);
      for (const wrong of [2 * hourMs, -2 * hourMs]) {
        age(path, wrong);
        await use();
        expect(Math.abs(usedAgo(path))).toBeLessThan(1000);
      }
    }
  });
});

describe('upkeep', () => {
  test('leastUsed takes the oldest down to nine tenths, and nothing within the bound', () => {
    const all = [30, 10, 20, 40].map((usedAt) => ({ usedAt, bytes: 25 }));
    expect(leastUsed(all, 100)).toEqual([]);
    expect(leastUsed(all, 99).map(({ usedAt }) => usedAt)).toEqual([10]);
    expect(leastUsed(all, 60).map(({ usedAt }) => usedAt)).toEqual([10, 20]);
    expect(leastUsed(all, 0)).toHaveLength(4);
  });

  /** A record, a blob and a snapshot, used 3, 2 and 1 hours ago, and a record used just now. */
  const fill = async (): Promise<void> => {
    await store.putRecord(stepRecord('old'));
    age(file('records', keyOf('old')), 3 * hourMs);
    const digest = (await putBlob(store, Buffer.from('blob'))) ?? '';
    age(file('blobs', digest), 2 * hourMs);
    await store.putSnapshot({ id: 'one', bytes: 1e6 });
    age(file('snapshots', list('snapshots')[0] ?? ''), hourMs);
    await store.putRecord(stepRecord('new'));
  };
  const counts = async (): Promise<number[]> => {
    const { records, blobs, snapshots } = await store.stats();
    return [records.count, blobs.count, snapshots.count];
  };

  test('removes in the order of last use, a snapshot only when the engine gave it up', async () => {
    store = open(undefined, 1e5);
    await fill();
    const asked: string[] = [];
    const refuse = (id: string): Promise<boolean> => Promise.resolve(asked.push(id) === 0);
    expect(await store.upkeep(refuse)).toMatchObject({ count: 2 });
    expect(asked).toEqual(['one']);
    expect(await counts()).toEqual([1, 0, 1]);
    await store.putRecord(stepRecord('newer'));
    expect(await store.upkeep(() => Promise.resolve(true))).toEqual({ count: 1, bytes: 1e6 });
    expect(await counts()).toEqual([2, 0, 0]);
  });

  test('without an engine a snapshot stays, and nothing newer goes in its place', async () => {
    store = open(undefined, 1e5);
    await fill();
    expect(await store.upkeep(null)).toMatchObject({ count: 2 });
    expect(await counts()).toEqual([1, 0, 1]);
    expect(await store.record(keyOf('new'))).not.toBeNull();
  });

  test('looks again only when the bound may be passed, or after a day, or when the clock jumped', async () => {
    store = open(undefined, 3000);
    const scan = join(folder, 'scan');
    const scans = async (): Promise<boolean> => {
      const before = existsSync(scan) ? readFileSync(scan, 'utf8') : '';
      now += 1;
      await store.upkeep(null);
      return readFileSync(scan, 'utf8') !== before;
    };
    expect(await scans()).toBe(true);
    await store.putRecord(stepRecord('a'));
    age(file('records', keyOf('a')), hourMs);
    expect(await scans()).toBe(false);
    await store.putRecord(stepRecord('b', { summary: 'x'.repeat(3000) }));
    expect(await scans()).toBe(true);
    expect(await counts()).toEqual([0, 0, 0]);
    expect(await scans()).toBe(false);
    now += dayMs + 1;
    expect(await scans()).toBe(true);
    now -= 3 * dayMs;
    expect(await scans()).toBe(true);
    await store.putRecord(stepRecord('c'));
    await store.upkeep(null);
    writeFileSync(join(folder, 'added'), 'garbage\n');
    await store.putRecord(stepRecord('d'));
    expect(await scans()).toBe(true);
  });

  test('another process that has just looked does no harm', async () => {
    await store.upkeep(null);
    await store.putRecord(stepRecord('a'));
    const added = join(folder, 'added');
    let met = false;
    // The clock is read between the line that we add and the look at all lines.
    const racing = openDirectoryStore({
      ...{ folder, onFault: (message: string) => faults.push(message), maxBytes: 1e9 },
      ...{ platform: process.platform, pid: process.pid },
      now() {
        met ||= existsSync(added);
        rmSync(added, { force: true });
        return now;
      },
    });
    await racing.putRecord(stepRecord('b'));
    expect(await racing.upkeep(null)).toEqual({ count: 0, bytes: 0 });
    expect(met).toBe(true);
    expect(faults).toEqual([]);
  });

  const acts: Record<string, (engine: () => Promise<boolean>) => Promise<unknown>> = {
    upkeep: (removeSnapshot) => open(undefined, 1).upkeep(removeSnapshot),
    entries: () => store.entries(),
    stats: () => store.stats(),
    prune: (removeSnapshot) => store.prune({ unusedForMs: 0, removeSnapshot }),
    clear: (removeSnapshot) => store.clear({ removeSnapshot }),
  };

  test.each(Object.entries(acts))('%s comes to its end whatever lies in the folder', async (_, act) => {
    await fill();
    const name = keyOf('odd').slice('sha256:'.length);
    for (const shelf of ['records', 'blobs', 'chains', 'snapshots', 'locks', 'partial']) {
      symlinkSync(name, file(shelf, name)); // To itself: cannot even be looked at.
      mkdirSync(file(shelf, `${name}.x/inner`), { recursive: true });
    }
    await act(() => Promise.resolve(true));
  });

  test.each(Object.entries(acts))('%s comes to its end when the folder goes meanwhile', async (_, act) => {
    await fill();
    now += 31 * dayMs;
    await act(() => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve(true);
    });
    expect(faults).toEqual([]);
  });

  test('a snapshot that nobody used for 30 days goes', async () => {
    await store.putSnapshot({ id: 'one', bytes: 1 });
    await store.putSnapshot({ id: 'two', bytes: 1 });
    now += 31 * dayMs;
    await store.useSnapshot('two');
    expect(await store.upkeep(() => Promise.resolve(true))).toEqual({ count: 1, bytes: 1 });
    expect(await store.snapshots()).toMatchObject([{ id: 'two' }]);
  });

  test('a time in the future counts as now', async () => {
    await store.putSnapshot({ id: 'one', bytes: 1 });
    age(file('snapshots', list('snapshots')[0] ?? ''), -dayMs);
    expect(await store.snapshots()).toEqual([{ id: 'one', bytes: 1, usedAt: now }]);
  });

  test('a blob that goes while it is read is read to its end', async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) % 251));
    const digest = (await putBlob(store, bytes)) ?? '';
    const other = open(undefined, 1);
    const blob = await store.blob(digest);
    let size = 0;
    for await (const chunk of blob?.chunks ?? []) {
      if (size === 0) await other.clear({ removeSnapshot: null });
      size += chunk.length;
    }
    expect(existsSync(file('blobs', digest))).toBe(false);
    expect([size, blob?.verified()]).toEqual([3_000_000, true]);
    expect(faults).toEqual([]);
  });

  test('a blob that went before it was read is a miss, not a fault', async () => {
    const digest = (await putBlob(store, Buffer.from('x'))) ?? '';
    const blob = await store.blob(digest);
    rmSync(file('blobs', digest));
    for await (const chunk of blob?.chunks ?? []) expect(chunk).toBeNull();
    expect(blob?.verified()).toBe(false);
    expect(faults).toEqual([]);
  });
});

test('entries say what belongs to what, the least recently used first', async () => {
  const [log, tar, files] = await Promise.all(
    ['log', 'tar', 'files'].map((text) => putBlob(store, Buffer.from(text))),
  );
  const snapshot = { id: keyOf('image'), bytes: 7 };
  await store.putSnapshot(snapshot);
  await store.putRecord(stepRecord('s', { log: { blob: log ?? '' }, snapshot }));
  await store.putRecord(
    jobRecord('j', { artifacts: [{ name: 'a', digest: keyOf('tree'), tar: tar ?? '' }] }),
  );
  await store.putChain('build', {
    at: 1,
    links: [{ key: keyOf('s'), parts: { of: 'step' }, files: files ?? '' }],
  });
  age(file('blobs', log ?? ''), 5 * hourMs);
  const entries = await store.entries();
  expect(entries).toHaveLength(6);
  expect(entries[0]).toMatchObject({
    kind: 'blob',
    digest: log,
    records: [keyOf('s')],
    usedAt: now - 5 * hourMs,
  });
  expect(entries).toContainEqual(
    expect.objectContaining({ kind: 'snapshot', id: snapshot.id, bytes: 7, records: [keyOf('s')] }),
  );
  expect(entries).toContainEqual(
    expect.objectContaining({ kind: 'record', key: keyOf('s'), of: 'step', jobs: ['build'] }),
  );
  expect(entries).toContainEqual(
    expect.objectContaining({ kind: 'record', key: keyOf('j'), of: 'job', jobs: [] }),
  );
  const stats = await store.stats();
  expect(stats.bytes).toBe(entries.reduce((sum, { bytes }) => sum + bytes, 0));

  const orphan = await putBlob(store, Buffer.from('orphan'));
  await putBlob(store, Buffer.from('fresh orphan'));
  for (const digest of [log, tar, files, orphan]) age(file('blobs', digest ?? ''), 2 * hourMs);
  expect(await store.prune({ unusedForMs: dayMs, removeSnapshot: null })).toMatchObject({ count: 1 });
  expect(await store.hasBlob(orphan ?? '')).toBe(false);
  now += 2 * dayMs;
  expect(
    await store.prune({ unusedForMs: dayMs, removeSnapshot: () => Promise.resolve(true) }),
  ).toMatchObject({ count: 7 });
  expect([list('records'), list('blobs'), list('snapshots'), list('chains')]).toEqual([[], [], [], []]);
});

test('clear leaves the id and what others are at', async () => {
  const { id } = store;
  await store.putRecord(stepRecord('a'));
  await store.putChain('job', { at: 1, links: [] });
  await store.putSnapshot({ id: 'one', bytes: 1 });
  const lock = await store.lock(keyOf('k'), never);
  const writer = store.openBlob();
  await writer.write(Buffer.alloc(1_000_000, 'abc'));
  expect(await open().clear({ removeSnapshot: () => Promise.resolve(true) })).toMatchObject({ count: 2 });
  expect(await open().tryLock(keyOf('k'))).toBeNull();
  await lock?.release();
  const digest = await writer.finish();
  expect(await getBlob(store, digest)).toHaveLength(1_000_000);
  expect(open().id).toBe(id);
  expect([list('records'), list('snapshots'), list('chains'), list('locks'), list('partial')]).toEqual([
    [],
    [],
    [],
    [],
    [],
  ]);
});

describe('left by others', () => {
  let here: Owner;
  let dead: Owner;
  let away: Owner;
  beforeEach(async () => {
    here = await thisOwner(process.platform, process.pid);
    dead = { ...here, started: '1' };
    away = { ...here, namespace: 'another' };
  });

  test('partial files of the dead go at once, of those who cannot be looked at after a day', async () => {
    const names = [dead, away, here].map((owner) => `${ownerText(owner).replaceAll('/', '_')}.abc`);
    const [ofDead = '', ofAway = '', ofUs = ''] = names;
    const all = ['garbage', ofAway, ofUs];
    for (const name of [...all, ofDead]) writeFileSync(file('partial', name), 'half');
    await store.prune({ unusedForMs: dayMs, removeSnapshot: null });
    expect(list('partial').sort()).toEqual(all.sort());
    now += dayMs + hourMs;
    await store.upkeep(null);
    expect(list('partial')).toEqual([ofUs]);
  });

  test('a dead holder loses its key at once; of many who want it one has it at a time', async () => {
    const left = await open(dead).lock(keyOf('k'), never);
    expect(left).not.toBeNull();
    // Twenty stores: to one another they are as processes are.
    let holders = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        const lock = await open().lock(keyOf('k'), never);
        most = Math.max(most, ++holders);
        await store.record(keyOf('r'));
        holders--;
        await lock?.release();
      }),
    );
    expect(most).toBe(1);
    expect(list('locks')).toEqual([]);
  });

  test('one after the other died while taking over from the one before', async () => {
    for (const pid of [1, 2, 3]) await open({ ...dead, started: `${pid}` }).lock(keyOf('k'), never);
    expect(list('locks')).toHaveLength(3);
    const lock = await store.tryLock(keyOf('k'));
    expect(lock).not.toBeNull();
    expect(await open().tryLock(keyOf('k'))).toBeNull();
    await lock?.release();
    expect(list('locks')).toEqual([]);
  });

  test('a follower that was released behind the back of one who looked is not followed', async () => {
    await open(dead).lock(keyOf('k'), never);
    const lock = await store.tryLock(keyOf('k'));
    const [first = '', follower = ''] = list('locks').sort((a, b) => a.length - b.length);
    expect(follower).toMatch(first);
    // What is left when a holder dies between the two removals of its release: nobody reaches the follower again.
    rmSync(file('locks', first));
    const other = await open().tryLock(keyOf('k'));
    expect(other).not.toBeNull();
    expect(await open().tryLock(keyOf('k'))).toBeNull();
    await other?.release();
    await store.prune({ unusedForMs: dayMs, removeSnapshot: null });
    expect(list('locks')).toEqual([]);
    await lock?.release();
  });

  test('a holder that cannot be looked at loses it when it gives no sign for 30 s', async () => {
    const foreign = open(away);
    await foreign.lock(keyOf('k'), never);
    expect(await store.tryLock(keyOf('k'))).toBeNull();
    now += 29_000;
    expect(await store.tryLock(keyOf('k'))).toBeNull();
    now += 2_000;
    const lock = await store.lock(keyOf('k'), never);
    expect(await foreign.tryLock(keyOf('k'))).toBeNull();
    await lock?.release();
  });

  test('a sign from the future keeps nobody waiting longer than a sign from now', async () => {
    await open(away).lock(keyOf('k'), never);
    for (const name of list('locks')) age(file('locks', name), -dayMs);
    const stop = new AbortController();
    const waiting = store.lock(keyOf('k'), stop.signal);
    now += 2 * dayMs;
    expect(await waiting).not.toBeNull();
  });

  test('garbage for a lock is nobody we can look at', async () => {
    await (await store.lock(keyOf('k'), never))?.release();
    await open(away).lock(keyOf('k'), never);
    const [name = ''] = list('locks');
    writeFileSync(file('locks', name), '');
    expect(await store.tryLock(keyOf('k'))).toBeNull();
    now += 31_000;
    const lock = await store.tryLock(keyOf('k'));
    expect(lock).not.toBeNull();
    await lock?.release();
    mkdirSync(file('locks', name));
    expect(await store.tryLock(keyOf('k'))).not.toBeNull();
  });

  test('dead locks go with upkeep, living ones stay', async () => {
    await open(dead).lock(keyOf('a'), never);
    const lock = await open().lock(keyOf('b'), never);
    await store.upkeep(null);
    expect(list('locks')).toHaveLength(1);
    expect(await store.tryLock(keyOf('b'))).toBeNull();
    await lock?.release();
  });
});
