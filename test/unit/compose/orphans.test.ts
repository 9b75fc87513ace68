import { expect, test, vi } from 'vitest';
import { removeAbandoned } from '../../../src/compose/orphans.ts';
import type { Engine, Snapshot, Snapshots } from '../../../src/contract/sandbox.ts';
import { memoryStore } from '../../fakes/memory-store.ts';
import { scriptedEngine } from '../../fakes/scripted-engine.ts';
import { imageOf, never, opened, specFor } from '../../conformance/sandbox.ts';

const store = memoryStore();
async function withSnapshots(count: number) {
  const engine = scriptedEngine();
  const sandbox = await opened(engine, specFor(await imageOf(engine, 'any:1')));
  const made: Snapshot[] = [];
  for (let at = 0; at < count; at += 1) {
    const snapshot = await sandbox.snapshot(store.id, never);
    if (!snapshot.ok) throw new Error(snapshot.failure.message);
    made.push(snapshot.value);
  }
  await sandbox.close();
  const left = async (on: Engine = engine): Promise<readonly boolean[]> => {
    await removeAbandoned(on, store);
    const there = await Promise.all(made.map(({ id }) => engine.snapshots.has(id)));
    return there.map((one) => one.ok && one.value);
  };
  return { engine, made, left };
}

test('what a process left that died before it remembered it goes; what a living one made stays', async () => {
  const { engine, made, left } = await withSnapshots(3);
  const [, remembered] = made;
  if (remembered !== undefined) await store.putSnapshot(remembered);
  expect(await left()).toEqual([true, true, true]);
  engine.makersAre('dead');
  expect(await left()).toEqual([false, true, false]);
});

test('one that was remembered while the engine was asked stays', async () => {
  const { engine, made, left } = await withSnapshots(1);
  engine.makersAre('dead');
  const list: Snapshots['list'] = async (name) => {
    const listed = await engine.snapshots.list(name);
    for (const one of made) await store.putSnapshot(one);
    return listed;
  };
  expect(await left({ ...engine, snapshots: { ...engine.snapshots, list } })).toEqual([true]);
});

test('a maker of which nothing can be said has a day', async () => {
  const { engine, left } = await withSnapshots(1);
  engine.makersAre('foreign');
  expect(await left()).toEqual([true]);
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3600_000 });
  expect(await left()).toEqual([false]);
  vi.useRealTimers();
});
