// What a disk can do to the store: all of it is a miss or a declined put, told once.
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sealed } from '../../../../engine/cache/sealed-file.ts';
import { getBlob, jobRecord, keyOf, putBlob, stepRecord } from '../../../conformance/record-store.ts';
import { file, list, never, open, rig, storeForEach } from './kept-store.ts';

storeForEach();

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
      await rig.store.putRecord(stepRecord(name));
      harm(file('records', keyOf(name)));
      expect(await rig.store.record(keyOf(name))).toBeNull();
      expect(existsSync(file('records', keyOf(name)))).toBe(false);
    }
    expect(rig.faults).toEqual([expect.stringMatching(/damaged record/)]);
    expect(await rig.store.putRecord(stepRecord('a'))).toBe(true);
    expect(await rig.store.record(keyOf('a'))).toEqual(stepRecord('a'));
  });

  test('a record that is put over is whole again', async () => {
    await rig.store.putRecord(stepRecord('a'));
    harm(file('records', keyOf('a')));
    expect(await rig.store.putRecord(stepRecord('a'))).toBe(true);
    expect(await rig.store.record(keyOf('a'))).toEqual(stepRecord('a'));
  });

  test.each([100, 300_000])('a blob of %d bytes is a miss, removed, told once', async (size) => {
    for (const fill of ['ab', 'cd']) {
      const digest = (await putBlob(rig.store, Buffer.alloc(size, fill))) ?? '';
      harm(file('blobs', digest));
      expect(await getBlob(rig.store, digest)).toBeNull();
      expect(existsSync(file('blobs', digest))).toBe(false);
    }
    expect(rig.faults).toEqual([expect.stringMatching(/damaged blob/)]);
  });

  test('chains are none and a snapshot is forgotten', async () => {
    await rig.store.putChain('job', { at: 1, links: [] });
    await rig.store.putSnapshot({ id: 'one', bytes: 5 });
    for (const shelf of ['chains', 'snapshots']) for (const name of list(shelf)) harm(file(shelf, name));
    expect(await rig.store.chains('job')).toEqual([]);
    expect(await rig.store.snapshots()).toEqual([]);
    expect(rig.faults).toHaveLength(2);
  });
});

test('a record under another key’s name and a blob under another’s are misses', async () => {
  await rig.store.putRecord(stepRecord('a'));
  copyFileSync(file('records', keyOf('a')), file('records', keyOf('b')));
  expect(await rig.store.record(keyOf('b'))).toBeNull();
  const [one, two] = [
    await putBlob(rig.store, Buffer.from('one')),
    await putBlob(rig.store, Buffer.from('two')),
  ];
  copyFileSync(file('blobs', one ?? ''), file('blobs', two ?? ''));
  expect(await getBlob(rig.store, two)).toBeNull();
  expect(await getBlob(rig.store, one)).toEqual(Buffer.from('one'));
  expect(await rig.store.record(keyOf('a'))).toEqual(stepRecord('a'));
  expect(rig.faults).toHaveLength(2);
});

test.each(['', 'garbage', '../../x\n'])('a damaged id (%j) is replaced once for all', (text) => {
  writeFileSync(join(rig.folder, 'store-id'), text);
  const { id } = open();
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(open().id).toBe(id);
  expect(rig.faults).toHaveLength(1);
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
  expect(await rig.store.entries()).toEqual([]);
  expect(await rig.store.record(keyOf('a'))).toBeNull();
  expect(list('records')).toEqual([]);
  expect(rig.faults).toEqual([expect.stringMatching(/damaged record/)]);
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
  await rig.store.putRecord(record);
  expect(await rig.store.record(keyOf('a'))).toEqual(record);
  expect(await rig.store.entries()).toHaveLength(1);
});

test.each([
  [{ job: 'job' }],
  [{ job: 5, chains: [] }],
  [{ job: 'job', chains: [{ links: [] }] }],
  [{ job: 'job', chains: [{ at: 1, links: [{ key: 'x', parts: { of: 'job' } }] }] }],
  [{ job: 'job', chains: [{ at: 1, links: [{ key: keyOf('x'), parts: {} }] }] }],
  [{ job: 'job', chains: [{ at: 1, links: [{ key: keyOf('x'), parts: { of: 'job' }, files: 5 }] }] }],
])('whole chains of another shape are damaged ones: %j', async (chains) => {
  for (const read of [() => rig.store.chains('job'), () => rig.store.entries()]) {
    await rig.store.putChain('job', { at: 1, links: [] });
    writeFileSync(file('chains', list('chains')[0] ?? ''), sealed(chains));
    expect(await read()).toEqual([]);
    expect(list('chains')).toEqual([]);
  }
  expect(rig.faults).toEqual([expect.stringMatching(/damaged chain/)]);
});

test.each([{ id: 5, bytes: 5 }, { id: 'one' }, { id: 'one', bytes: '5' }])(
  'a whole snapshot of another shape is a damaged one: %j',
  async (snapshot) => {
    await rig.store.putSnapshot({ id: 'one', bytes: 5 });
    writeFileSync(file('snapshots', list('snapshots')[0] ?? ''), sealed(snapshot));
    expect(await rig.store.snapshots()).toEqual([]);
    expect(rig.faults).toEqual([expect.stringMatching(/damaged snapshot/)]);
  },
);

test('a record of another schema is a miss and stays', async () => {
  await rig.store.putRecord({ ...stepRecord('a'), schema: 2 as 1 });
  expect(await rig.store.record(keyOf('a'))).toBeNull();
  expect(list('records')).toHaveLength(1);
  expect(rig.faults).toEqual([]);
});

test('where no id can be kept, every process makes the same one of the path', () => {
  rmSync(rig.folder, { recursive: true });
  writeFileSync(rig.folder, 'a file');
  const { id } = open();
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(open().id).toBe(id);
  const above = rig.folder;
  rig.folder = join(above, 'below');
  expect(open().id).not.toBe(id);
  rig.folder = above;
});

test('a folder that is removed while it is used is made again', async () => {
  rmSync(rig.folder, { recursive: true });
  expect(await rig.store.record(keyOf('a'))).toBeNull();
  expect(await rig.store.putRecord(stepRecord('a'))).toBe(true);
  expect(await rig.store.record(keyOf('a'))).toEqual(stepRecord('a'));
  expect(rig.faults).toEqual([]);
});

test('a folder that cannot be made: all misses, puts decline, locks are ours, told once', async () => {
  rmSync(rig.folder, { recursive: true });
  writeFileSync(rig.folder, 'a file');
  rig.store = open();
  expect(rig.store.id).toMatch(/^\w+$/);
  expect(await rig.store.putRecord(stepRecord('a'))).toBe(false);
  expect(await rig.store.record(keyOf('a'))).toBeNull();
  for (const size of [5, 1_000_000]) expect(await putBlob(rig.store, Buffer.alloc(size))).toBeNull();
  expect(await rig.store.blob(keyOf('a'))).toBeNull();
  await rig.store.putChain('job', { at: 1, links: [] });
  expect(await rig.store.chains('job')).toEqual([]);
  await rig.store.putSnapshot({ id: 'one', bytes: 1 });
  await rig.store.useSnapshot('one');
  expect(await rig.store.snapshots()).toEqual([]);
  await rig.store.forgetRecord(keyOf('a'));
  const lock = await rig.store.lock(keyOf('a'), never);
  expect(await rig.store.tryLock(keyOf('a'))).toBeNull();
  await lock?.release();
  expect(await rig.store.upkeep(null)).toEqual({ count: 0, bytes: 0 });
  expect(await rig.store.entries()).toEqual([]);
  expect(rig.faults).toEqual([expect.stringMatching(/cannot write to the cache folder/)]);
});
