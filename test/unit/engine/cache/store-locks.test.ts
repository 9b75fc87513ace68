// What processes that died or cannot be seen leave in the store: partial files and locks, and who takes them over.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Owner, ownerText, thisOwner } from '../../../../engine/owner.ts';
import { keyOf } from '../../../conformance/record-store.ts';
import { age, dayMs, file, hourMs, list, never, open, rig, storeForEach } from './kept-store.ts';

storeForEach();

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
    await rig.store.prune({ unusedForMs: dayMs, removeSnapshot: null });
    expect(list('partial').sort()).toEqual(all.sort());
    rig.now += dayMs + hourMs;
    await rig.store.upkeep(null);
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
        await rig.store.record(keyOf('r'));
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
    const lock = await rig.store.tryLock(keyOf('k'));
    expect(lock).not.toBeNull();
    expect(await open().tryLock(keyOf('k'))).toBeNull();
    await lock?.release();
    expect(list('locks')).toEqual([]);
  });

  test('a follower that was released behind the back of one who looked is not followed', async () => {
    await open(dead).lock(keyOf('k'), never);
    const lock = await rig.store.tryLock(keyOf('k'));
    const [first = '', follower = ''] = list('locks').sort((a, b) => a.length - b.length);
    expect(follower).toMatch(first);
    // What is left when a holder dies between the two removals of its release: nobody reaches the follower again.
    rmSync(file('locks', first));
    const other = await open().tryLock(keyOf('k'));
    expect(other).not.toBeNull();
    expect(await open().tryLock(keyOf('k'))).toBeNull();
    await other?.release();
    await rig.store.prune({ unusedForMs: dayMs, removeSnapshot: null });
    expect(list('locks')).toEqual([]);
    await lock?.release();
  });

  test('a holder that cannot be looked at loses it when it gives no sign for 30 s', async () => {
    const foreign = open(away);
    await foreign.lock(keyOf('k'), never);
    expect(await rig.store.tryLock(keyOf('k'))).toBeNull();
    rig.now += 29_000;
    expect(await rig.store.tryLock(keyOf('k'))).toBeNull();
    rig.now += 2_000;
    const lock = await rig.store.lock(keyOf('k'), never);
    expect(await foreign.tryLock(keyOf('k'))).toBeNull();
    await lock?.release();
  });

  test('a sign from the future keeps nobody waiting longer than a sign from now', async () => {
    await open(away).lock(keyOf('k'), never);
    for (const name of list('locks')) age(file('locks', name), -dayMs);
    const stop = new AbortController();
    const waiting = rig.store.lock(keyOf('k'), stop.signal);
    rig.now += 2 * dayMs;
    expect(await waiting).not.toBeNull();
  });

  test('garbage for a lock is nobody we can look at', async () => {
    await (await rig.store.lock(keyOf('k'), never))?.release();
    await open(away).lock(keyOf('k'), never);
    const [name = ''] = list('locks');
    writeFileSync(file('locks', name), '');
    expect(await rig.store.tryLock(keyOf('k'))).toBeNull();
    rig.now += 31_000;
    const lock = await rig.store.tryLock(keyOf('k'));
    expect(lock).not.toBeNull();
    await lock?.release();
    mkdirSync(file('locks', name));
    expect(await rig.store.tryLock(keyOf('k'))).not.toBeNull();
  });

  test('dead locks go with upkeep, living ones stay', async () => {
    await open(dead).lock(keyOf('a'), never);
    const lock = await open().lock(keyOf('b'), never);
    await rig.store.upkeep(null);
    expect(list('locks')).toHaveLength(1);
    expect(await rig.store.tryLock(keyOf('b'))).toBeNull();
    await lock?.release();
  });
});
