// What of the store goes when: by its last use, by its bound, by those who ask, whatever the clock and others do.
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openDirectoryStore } from '../../../../engine/cache/directory-store.ts';
import { leastUsed } from '../../../../engine/cache/store-upkeep.ts';
import { getBlob, jobRecord, keyOf, putBlob, stepRecord } from '../../../conformance/record-store.ts';
import { age, dayMs, file, hourMs, list, never, open, rig, storeForEach, usedAgo } from './kept-store.ts';

storeForEach();

describe('use', () => {
  test('is noted at most once an hour, and a time in the future is put right', async () => {
    await rig.store.putRecord(stepRecord('a'));
    const digest = (await putBlob(rig.store, Buffer.from('x'))) ?? '';
    await rig.store.putSnapshot({ id: 'one', bytes: 1 });
    const uses: [string, () => Promise<unknown>][] = [
      [file('records', keyOf('a')), () => rig.store.record(keyOf('a'))],
      [file('blobs', digest), () => rig.store.hasBlob(digest)],
      [file('blobs', digest), () => getBlob(rig.store, digest)],
      [file('snapshots', list('snapshots')[0] ?? ''), () => rig.store.useSnapshot('one')],
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
    await rig.store.putRecord(stepRecord('old'));
    age(file('records', keyOf('old')), 3 * hourMs);
    const digest = (await putBlob(rig.store, Buffer.from('blob'))) ?? '';
    age(file('blobs', digest), 2 * hourMs);
    await rig.store.putSnapshot({ id: 'one', bytes: 1e6 });
    age(file('snapshots', list('snapshots')[0] ?? ''), hourMs);
    await rig.store.putRecord(stepRecord('new'));
  };
  const counts = async (): Promise<number[]> => {
    const { records, blobs, snapshots } = await rig.store.stats();
    return [records.count, blobs.count, snapshots.count];
  };

  test('removes in the order of last use, a snapshot only when the engine gave it up', async () => {
    rig.store = open(undefined, 1e5);
    await fill();
    const asked: string[] = [];
    const refuse = (id: string): Promise<boolean> => Promise.resolve(asked.push(id) === 0);
    expect(await rig.store.upkeep(refuse)).toMatchObject({ count: 2 });
    expect(asked).toEqual(['one']);
    expect(await counts()).toEqual([1, 0, 1]);
    await rig.store.putRecord(stepRecord('newer'));
    expect(await rig.store.upkeep(() => Promise.resolve(true))).toEqual({ count: 1, bytes: 1e6 });
    expect(await counts()).toEqual([2, 0, 0]);
  });

  test('without an engine a snapshot stays, and nothing newer goes in its place', async () => {
    rig.store = open(undefined, 1e5);
    await fill();
    expect(await rig.store.upkeep(null)).toMatchObject({ count: 2 });
    expect(await counts()).toEqual([1, 0, 1]);
    expect(await rig.store.record(keyOf('new'))).not.toBeNull();
  });

  test('looks again only when the bound may be passed, or after a day, or when the clock jumped', async () => {
    rig.store = open(undefined, 3000);
    const scan = join(rig.folder, 'scan');
    const scans = async (): Promise<boolean> => {
      const before = existsSync(scan) ? readFileSync(scan, 'utf8') : '';
      rig.now += 1;
      await rig.store.upkeep(null);
      return readFileSync(scan, 'utf8') !== before;
    };
    expect(await scans()).toBe(true);
    await rig.store.putRecord(stepRecord('a'));
    age(file('records', keyOf('a')), hourMs);
    expect(await scans()).toBe(false);
    await rig.store.putRecord(stepRecord('b', { summary: 'x'.repeat(3000) }));
    expect(await scans()).toBe(true);
    expect(await counts()).toEqual([0, 0, 0]);
    expect(await scans()).toBe(false);
    rig.now += dayMs + 1;
    expect(await scans()).toBe(true);
    rig.now -= 3 * dayMs;
    expect(await scans()).toBe(true);
    await rig.store.putRecord(stepRecord('c'));
    await rig.store.upkeep(null);
    writeFileSync(join(rig.folder, 'added'), 'garbage\n');
    await rig.store.putRecord(stepRecord('d'));
    expect(await scans()).toBe(true);
  });

  test('another process that has just looked does no harm', async () => {
    await rig.store.upkeep(null);
    await rig.store.putRecord(stepRecord('a'));
    const added = join(rig.folder, 'added');
    let met = false;
    // The clock is read between the line that we add and the look at all lines.
    const racing = openDirectoryStore({
      ...{ folder: rig.folder, onFault: (message: string) => rig.faults.push(message), maxBytes: 1e9 },
      ...{ platform: process.platform, pid: process.pid },
      now() {
        met ||= existsSync(added);
        rmSync(added, { force: true });
        return rig.now;
      },
    });
    await racing.putRecord(stepRecord('b'));
    expect(await racing.upkeep(null)).toEqual({ count: 0, bytes: 0 });
    expect(met).toBe(true);
    expect(rig.faults).toEqual([]);
  });

  const acts: Record<string, (engine: () => Promise<boolean>) => Promise<unknown>> = {
    upkeep: (removeSnapshot) => open(undefined, 1).upkeep(removeSnapshot),
    entries: () => rig.store.entries(),
    stats: () => rig.store.stats(),
    prune: (removeSnapshot) => rig.store.prune({ unusedForMs: 0, removeSnapshot }),
    clear: (removeSnapshot) => rig.store.clear({ removeSnapshot }),
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
    rig.now += 31 * dayMs;
    await act(() => {
      rmSync(rig.folder, { recursive: true, force: true });
      return Promise.resolve(true);
    });
    expect(rig.faults).toEqual([]);
  });

  test('a snapshot that nobody used for 30 days goes', async () => {
    await rig.store.putSnapshot({ id: 'one', bytes: 1 });
    await rig.store.putSnapshot({ id: 'two', bytes: 1 });
    rig.now += 31 * dayMs;
    await rig.store.useSnapshot('two');
    expect(await rig.store.upkeep(() => Promise.resolve(true))).toEqual({ count: 1, bytes: 1 });
    expect(await rig.store.snapshots()).toMatchObject([{ id: 'two' }]);
  });

  test('a time in the future counts as now', async () => {
    await rig.store.putSnapshot({ id: 'one', bytes: 1 });
    age(file('snapshots', list('snapshots')[0] ?? ''), -dayMs);
    expect(await rig.store.snapshots()).toEqual([{ id: 'one', bytes: 1, usedAt: rig.now }]);
  });

  test('a blob that goes while it is read is read to its end', async () => {
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 7919) % 251));
    const digest = (await putBlob(rig.store, bytes)) ?? '';
    const other = open(undefined, 1);
    const blob = await rig.store.blob(digest);
    let size = 0;
    for await (const chunk of blob?.chunks ?? []) {
      if (size === 0) await other.clear({ removeSnapshot: null });
      size += chunk.length;
    }
    expect(existsSync(file('blobs', digest))).toBe(false);
    expect([size, blob?.verified()]).toEqual([3_000_000, true]);
    expect(rig.faults).toEqual([]);
  });

  test('a blob that went before it was read is a miss, not a fault', async () => {
    const digest = (await putBlob(rig.store, Buffer.from('x'))) ?? '';
    const blob = await rig.store.blob(digest);
    rmSync(file('blobs', digest));
    for await (const chunk of blob?.chunks ?? []) expect(chunk).toBeNull();
    expect(blob?.verified()).toBe(false);
    expect(rig.faults).toEqual([]);
  });
});

test('entries say what belongs to what, the least recently used first', async () => {
  const [log, tar, files] = await Promise.all(
    ['log', 'tar', 'files'].map((text) => putBlob(rig.store, Buffer.from(text))),
  );
  const snapshot = { id: keyOf('image'), bytes: 7 };
  await rig.store.putSnapshot(snapshot);
  await rig.store.putRecord(stepRecord('s', { log: { blob: log ?? '' }, snapshot }));
  await rig.store.putRecord(
    jobRecord('j', { artifacts: [{ name: 'a', digest: keyOf('tree'), tar: tar ?? '' }] }),
  );
  await rig.store.putChain('build', {
    at: 1,
    links: [{ key: keyOf('s'), parts: { of: 'step' }, files: files ?? '' }],
  });
  age(file('blobs', log ?? ''), 5 * hourMs);
  const entries = await rig.store.entries();
  expect(entries).toHaveLength(6);
  expect(entries[0]).toMatchObject({
    kind: 'blob',
    digest: log,
    records: [keyOf('s')],
    usedAt: rig.now - 5 * hourMs,
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
  const stats = await rig.store.stats();
  expect(stats.bytes).toBe(entries.reduce((sum, { bytes }) => sum + bytes, 0));

  const orphan = await putBlob(rig.store, Buffer.from('orphan'));
  await putBlob(rig.store, Buffer.from('fresh orphan'));
  for (const digest of [log, tar, files, orphan]) age(file('blobs', digest ?? ''), 2 * hourMs);
  expect(await rig.store.prune({ unusedForMs: dayMs, removeSnapshot: null })).toMatchObject({ count: 1 });
  expect(await rig.store.hasBlob(orphan ?? '')).toBe(false);
  rig.now += 2 * dayMs;
  expect(
    await rig.store.prune({ unusedForMs: dayMs, removeSnapshot: () => Promise.resolve(true) }),
  ).toMatchObject({ count: 7 });
  expect([list('records'), list('blobs'), list('snapshots'), list('chains')]).toEqual([[], [], [], []]);
});

test('clear leaves the id and what others are at', async () => {
  const { id } = rig.store;
  await rig.store.putRecord(stepRecord('a'));
  await rig.store.putChain('job', { at: 1, links: [] });
  await rig.store.putSnapshot({ id: 'one', bytes: 1 });
  const lock = await rig.store.lock(keyOf('k'), never);
  const writer = rig.store.openBlob();
  await writer.write(Buffer.alloc(1_000_000, 'abc'));
  expect(await open().clear({ removeSnapshot: () => Promise.resolve(true) })).toMatchObject({ count: 2 });
  expect(await open().tryLock(keyOf('k'))).toBeNull();
  await lock?.release();
  const digest = await writer.finish();
  expect(await getBlob(rig.store, digest)).toHaveLength(1_000_000);
  expect(open().id).toBe(id);
  expect([list('records'), list('snapshots'), list('chains'), list('locks'), list('partial')]).toEqual([
    [],
    [],
    [],
    [],
    [],
  ]);
});
