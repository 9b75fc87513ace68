// What is recorded goes bad, or the store does, or another job is at it: the job runs instead, and comes out right.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { StoredRecord } from '../../../src/model/record.ts';
import { fail } from '../../../src/model/failure.ts';
import { memoryStore, type MemoryStore } from '../../fakes/memory-store.ts';
import { gate, scriptedEngine, type EngineScript, type ScriptedEngine } from '../../fakes/scripted-engine.ts';
import { executeText, type Executed, type InProcess } from '../../rig/in-process.ts';

/** Steps take their time on this clock, so that snapshots are made. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

const rich = `
version: 1
jobs:
  a:
    image: busybox
    steps: [{ id: s, run: long log }, make]
    finally: [long goodbye]
    outputs: { o: "\${{ steps.s.outputs.o }}" }
    artifacts: { made: made }
    reports: { junit: r.xml }
`;
const script: EngineScript = {
  async step({ script }, io) {
    vi.setSystemTime(Date.now() + 400);
    if (script.startsWith('long')) await io.write('stdout', `${script}\n`.repeat(5000));
    io.files.set('/work/made', 'made').set('/work/r.xml', '<testsuites/>');
    return { outputs: 'o=1\n', summary: `# ${script}` };
  },
};

const logOf = ({ events }: Executed): string =>
  events.flatMap((event) => (event.type === 'log' ? Buffer.from(event.chunk).toString() : [])).join('');
const reusedOf = ({ times }: Executed) =>
  Object.fromEntries(Object.entries(times).map(([id, { reused }]) => [id, reused]));

async function recorded(more: Partial<InProcess> = {}) {
  const store = memoryStore();
  const engine = scriptedEngine(script);
  const first = await executeText(rich, { engine, store, ...more });
  expect(first.statuses).toEqual({ a: 'success' });
  return { store, engine, first };
}

function same(now: Executed, first: Executed): void {
  expect(now.result).toEqual(first.result);
  expect(logOf(now)).toBe(logOf(first));
}

/** Blobs by what they are for. */
function blobsOf({ records }: MemoryStore): Record<string, string> {
  const all = [...records.values()];
  const job = all.find((record): record is StoredRecord & { kind: 'job' } => record.kind === 'job');
  const logs = all.flatMap((record) =>
    record.kind === 'step' && 'blob' in record.log ? [record.log.blob] : [],
  );
  const last = job?.finally[0]?.log;
  return {
    log: logs[0] ?? '',
    artifact: job?.artifacts[0]?.tar ?? '',
    report: job?.reports[0]?.tar ?? '',
    'log of finally': last && 'blob' in last ? last.blob : '',
  };
}

test.each(['log', 'artifact', 'report', 'log of finally'])(
  'a blob is gone or damaged: %s; the job runs, comes out the same, and is recorded anew',
  async (kind) => {
    const { store, engine, first } = await recorded();
    for (const harm of ['damage', 'dropBlob'] as const) {
      const blob = blobsOf(store)[kind] ?? '';
      expect(store.blobs.has(blob)).toBe(true);
      store[harm](blob);
      const next = await executeText(rich, { engine, store });
      same(next, first);
      expect(reusedOf(next)).toEqual({ a: 'none' });
      const then = await executeText(rich, { engine, store });
      same(then, first);
      expect(reusedOf(then)).toEqual({ a: 'all' });
    }
    expect([engine.sandboxes, store.locked.size]).toEqual([0, 0]);
  },
);

test('a record is gone: each of them in its turn', async () => {
  const { store, engine, first } = await recorded();
  for (const key of [...store.records.keys()]) {
    await store.forgetRecord(key);
    const next = await executeText(rich, { engine, store });
    same(next, first);
    expect(reusedOf(next)).toEqual({ a: 'none' });
    expect(reusedOf(await executeText(rich, { engine, store }))).toEqual({ a: 'all' });
  }
});

test('a store that is full, from the first or later', async () => {
  const store = memoryStore();
  const engine = scriptedEngine(script);
  store.full = true;
  const first = await executeText(rich, { engine, store });
  const again = await executeText(rich, { engine, store });
  same(again, first);
  expect([reusedOf(again), store.records.size, store.blobs.size]).toEqual([{ a: 'none' }, 0, 0]);
  store.full = false;
  await executeText(rich, { engine, store });
  store.full = true;
  expect(reusedOf(await executeText(rich, { engine, store }))).toEqual({ a: 'all' });
  expect(store.locked.size).toBe(0);
});

const three = (last: string): string => `
version: 1
jobs:
  a: { image: busybox, steps: [slow one, slow two, "${last}"], artifacts: { all: '**' } }
`;
const slow: EngineScript = {
  step({ script }, io) {
    vi.setSystemTime(Date.now() + 1500);
    io.files.set(`/work/${script.replace(' ', '-')}`, [...io.files.keys()].join());
    return {};
  },
};
const snapshotsOf = (store: MemoryStore): string[] =>
  [...store.records.values()].flatMap((record) =>
    record.kind === 'step' && record.snapshot ? [record.snapshot.id] : [],
  );
const ranIn = (engine: ScriptedEngine, from: number): string[] =>
  engine.calls.slice(from).filter((call) => call.startsWith('run'));

test('snapshots that are gone: the one before, then the image', async () => {
  const store = memoryStore();
  const engine = scriptedEngine(slow);
  await executeText(three('x'), { engine, store });
  const [one = '', two = ''] = snapshotsOf(store);
  for (const [last, gone, ran] of [
    ['y', null, ['run a: y']],
    ['z', two, ['run a: slow two', 'run a: z']],
  ] as const) {
    if (gone !== null) expect(await engine.snapshots.remove(gone)).toEqual({ ok: true, value: true });
    const from = engine.calls.length;
    const next = await executeText(three(last), { engine, store });
    expect(ranIn(engine, from)).toEqual(ran);
    const fresh = await executeText(three(last), { engine: scriptedEngine(slow) });
    expect(next.result).toEqual(fresh.result);
  }
  for (const id of [one, ...snapshotsOf(store)]) await engine.snapshots.remove(id);
  const from = engine.calls.length;
  expect((await executeText(three('w'), { engine, store })).statuses).toEqual({ a: 'success' });
  expect(ranIn(engine, from)).toEqual(['run a: slow one', 'run a: slow two', 'run a: w']);
});

test('a snapshot that cannot be made costs nothing but time', async () => {
  const store = memoryStore();
  const engine = scriptedEngine({
    ...slow,
    snapshot: () => fail('environment', 'snapshot-failed', 'no room').failure,
  });
  const first = await executeText(three('x'), { engine, store });
  expect([first.statuses, snapshotsOf(store)]).toEqual([{ a: 'success' }, []]);
  expect(reusedOf(await executeText(three('x'), { engine, store }))).toEqual({ a: 'all' });
  expect(reusedOf(await executeText(three('y'), { engine, store }))).toEqual({ a: 'none' });
});

const twins = `
version: 1
jobs:
  a: { image: busybox, steps: [slow same, own a] }
  b: { image: busybox, steps: [slow same, own b] }
`;

test('two jobs with the same first step: it runs once, the second starts from what it left', async () => {
  const store = memoryStore();
  const ready = gate();
  const waiting = gate();
  const engine = scriptedEngine({
    async step(step, io) {
      if (step.script === 'slow same') await ready.opened;
      return slow.step?.(step, io);
    },
  });
  const done = executeText(twins, {
    ...{ engine, store, parallel: 2 },
    hear: (event) => {
      if (event.type === 'notice' && event.code === 'waiting-for-record') waiting.open();
    },
  });
  await waiting.opened;
  ready.open();
  const { statuses } = await done;
  expect(statuses).toEqual({ a: 'success', b: 'success' });
  expect(
    ranIn(engine, 0)
      .map((call) => call.slice(4))
      .sort(),
  ).toEqual(expect.arrayContaining([expect.stringMatching(/^[ab]: slow same$/), 'a: own a', 'b: own b']));
  expect(ranIn(engine, 0)).toHaveLength(3);
  expect(store.locked.size).toBe(0);
});

test('a cancel ends the wait for another run’s record', async () => {
  const store = memoryStore();
  const engine = scriptedEngine(slow);
  await executeText(three('x'), { engine, store });
  const [first] = store.records.keys();
  const other = await store.tryLock(first ?? '');
  await store.forgetRecord(first ?? '');
  const cancel = new AbortController();
  const { statuses } = await executeText(three('x'), {
    ...{ engine, store, cancel: cancel.signal },
    hear: (event) => {
      if (event.type === 'notice' && event.code === 'waiting-for-record') cancel.abort();
    },
  });
  expect(statuses).toEqual({ a: 'cancelled (cancelled)' });
  expect([...store.locked]).toEqual([first]);
  await other?.release();
  expect(engine.sandboxes).toBe(0);
});

test('a job that is cancelled in its second step leaves the record of the first, and no lock', async () => {
  const store = memoryStore();
  const cancel = new AbortController();
  const engine = scriptedEngine({
    step(step, io) {
      if (step.script === 'slow two' && !cancel.signal.aborted) {
        cancel.abort();
        return new Promise(() => undefined);
      }
      return slow.step?.(step, io);
    },
  });
  const first = await executeText(three('x'), { engine, store, cancel: cancel.signal });
  expect(first.statuses).toEqual({ a: 'cancelled (cancelled)' });
  expect([store.records.size, store.locked.size]).toEqual([1, 0]);
  const from = engine.calls.length;
  expect((await executeText(three('x'), { engine, store })).statuses).toEqual({ a: 'success' });
  expect(ranIn(engine, from)).toEqual(['run a: slow two', 'run a: x']);
});

test('reuse: false on a step of finally: the job is never answered from records', async () => {
  const store = memoryStore();
  const engine = scriptedEngine(slow);
  const yaml = three('x').replace('artifacts:', 'finally: [{ run: bye, reuse: false }], artifacts:');
  await executeText(yaml, { engine, store });
  const from = engine.calls.length;
  const again = await executeText(yaml, { engine, store });
  expect([reusedOf(again), ranIn(engine, from)]).toEqual([{ a: 'prefix' }, ['run a: x', 'run a: bye']]);
});

test.each(['/srv', '/srv/app', '/srv/app/below', '/work/x', '/work'])(
  'a cache at %s shares files with the workspace or the workdir: no snapshot is taken',
  async (path) => {
    const store = memoryStore();
    const yaml = `
version: 1
caches: { c: { path: ${path} } }
jobs: { a: { image: busybox, workdir: /srv/app, caches: [c], steps: [slow one, x] } }
`;
    await executeText(yaml, { engine: scriptedEngine(slow), store });
    expect([store.records.size, snapshotsOf(store)]).toEqual([3, []]);
  },
);
