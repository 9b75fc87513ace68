// Odd moments and odd records: what a strict reader of the reuse code found, each once.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fail } from '../../../src/model/failure.ts';
import type { Key, StoredRecord } from '../../../src/model/record.ts';
import { memoryStore } from '../../fakes/memory-store.ts';
import { gate, scriptedEngine, type EngineScript } from '../../fakes/scripted-engine.ts';
import { executeText } from '../../rig/in-process.ts';

const job = (more: string): string => `version: 1\njobs:\n  a: { image: i, ${more} }\n`;

describe('what an expression reads beside a finally step that has not run yet', () => {
  const file = (p: string, more: string): string => `version: 1
params: { p: ${p} }
jobs:
  a:
    image: i
    steps: [build]
${more}`;
  test.each([
    [
      'an if',
      `    finally: [{ id: f, run: one }, { run: two, if: "steps.f.outputs.x == 'y' && params.p == 'b'" }]\n`,
    ],
    [
      'an env',
      `    finally: [{ id: f, run: one }, { run: two, env: { V: "\${{ steps.f.outputs.x && params.p }}" } }]\n    artifacts: { d: out }\n`,
    ],
    [
      'an output',
      `    finally: [{ id: f, run: one }]\n    outputs: { v: "\${{ steps.f.outputs.x && params.p }}" }\n`,
    ],
  ])('%s', async (_, more) => {
    const engine = scriptedEngine({
      step: ({ script, env }, io) => {
        if (script === 'build') io.files.set('/work/out', '');
        if (script === 'two') io.files.set('/work/out', env.V ?? '');
        return script === 'one' ? { outputs: 'x=y\n' } : undefined;
      },
    });
    const store = memoryStore();
    await executeText(file('a', more), { engine, store });
    const reused = await executeText(file('b', more), { engine, store });
    const honest = await executeText(file('b', more), { engine });
    expect(reused.result.jobs).toEqual(honest.result.jobs);
  });
});

describe('steps that take long, by the clock', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());
  const later = (ms: number) => (): undefined => void vi.setSystemTime(Date.now() + ms);
  const two = (second: string): string => job(`steps: [one, ${second}], finally: [bye]`);

  test.each(['cancel', 'kill'] as const)('%s while a snapshot is made waits for nothing', async (signal) => {
    const signals = { cancel: new AbortController(), kill: new AbortController() };
    const engine = scriptedEngine({
      step: later(2000),
      snapshot: () => {
        signals.cancel.abort();
        signals[signal].abort();
        return new Promise(() => undefined);
      },
    });
    const { statuses } = await executeText(two('two'), {
      ...{ engine, store: memoryStore(), cancel: signals.cancel.signal, kill: signals.kill.signal },
    });
    expect(statuses).toEqual({ a: 'cancelled (cancelled)' });
    expect(engine.sandboxes).toBe(0);
  });

  test("the job's timeout holds while a snapshot is made", async () => {
    const engine = scriptedEngine({ step: later(2000), snapshot: () => new Promise(() => undefined) });
    const timed = job('timeout: 1s, steps: [one, two]');
    expect((await executeText(timed, { engine, store: memoryStore() })).statuses).toEqual({
      a: 'failure (timeout)',
    });
  });

  test('a snapshot that cannot be started from makes way for the image', async () => {
    const store = memoryStore();
    const open: EngineScript['open'] = ({ snapshot }) =>
      snapshot === null ? undefined : fail('environment', 'engine-refused', 'layer does not exist').failure;
    const engine = scriptedEngine({ step: later(2000), open });
    await executeText(two('two'), { engine, store });
    expect((await executeText(two('three'), { engine, store })).statuses).toEqual({ a: 'success' });
  });

  test('another engine does not make the store forget a snapshot', async () => {
    const store = memoryStore();
    const [one, other] = [scriptedEngine({ step: later(2000) }), scriptedEngine({ step: later(2000) })];
    await executeText(two('two'), { engine: one, store });
    await executeText(two('three'), { engine: other, store });
    const there = await one.snapshots.list(store.id);
    const remembered = (await store.snapshots()).map(({ id }) => id);
    expect(there.ok && there.value.length > 0).toBe(true);
    expect(there.ok && there.value.every(({ id }) => remembered.includes(id))).toBe(true);
  });

  test('a snapshot that was too dear is not taken every second time', async () => {
    const store = memoryStore();
    const engine = scriptedEngine({ step: later(2000), snapshot: later(9000) });
    const root = mkdtempSync(join(tmpdir(), 'lockstep-edges-'));
    const taken: number[] = [];
    for (const edit of ['1', '2', '3', '4']) {
      const before = engine.calls.length;
      await executeText(job('inputs: [f], steps: [one, two]'), {
        engine,
        store,
        root,
        files: { f: edit },
      });
      taken.push(engine.calls.slice(before).filter((call) => call.startsWith('snapshot')).length);
    }
    rmSync(root, { recursive: true });
    expect(taken).toEqual([1, 0, 0, 0]);
  });
});

test('a holder that never ends is waited for no longer than the job may take', async () => {
  const store = memoryStore();
  const engine = scriptedEngine();
  const timed = job('timeout: 1s, steps: [one]');
  await executeText(timed, { engine, store });
  const [step] = [...store.records.values()].filter(({ kind }) => kind === 'step');
  for (const key of store.records.keys()) await store.forgetRecord(key);
  await store.tryLock(step?.key ?? '');
  expect((await executeText(timed, { engine, store })).statuses).toEqual({ a: 'success' });
});

test('the image that a key needs is looked for within the timeout', async () => {
  const engine = scriptedEngine({ image: () => new Promise(() => undefined) });
  const impatient = {
    ...engine,
    image: (_: string, { signal }: { signal: AbortSignal }) => cancelledBy(signal),
  };
  const { statuses } = await executeText(job('timeout: 1s, steps: [one]'), {
    ...{ engine: impatient, store: memoryStore() },
  });
  expect(statuses).toEqual({ a: 'failure (timeout)' });
});

async function cancelledBy(signal: AbortSignal) {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
  return fail('environment', 'cancelled', 'cancelled');
}

test('the lock is let go where nothing more is recorded', async () => {
  const store = memoryStore();
  const held: Key[][] = [];
  const engine = scriptedEngine({
    step: async ({ script }) => {
      if (script !== 'deploy') return undefined;
      await vi.waitFor(() => expect(store.locked.size).toBe(0));
      held.push([...store.locked]);
      return undefined;
    },
  });
  await executeText(job('steps: [one, { run: deploy, reuse: false }]'), { engine, store });
  expect(held).toEqual([[]]);
});

test('every log of a finally step is finished or discarded, though the first finds no room', async () => {
  const store = memoryStore();
  let open = 0;
  const full = {
    ...store,
    openBlob: () => {
      open += 1;
      const blob = store.openBlob();
      const end = async (): Promise<null> => {
        open -= 1;
        await blob.discard();
        return null;
      };
      return {
        ...blob,
        finish: end,
        discard: async () => {
          await end();
        },
      };
    },
  };
  const engine = scriptedEngine({
    step: async ({ script }, io) => {
      if (script !== 'one') await io.write('stdout', 'x'.repeat(100_000));
      return undefined;
    },
  });
  await executeText(job('steps: [one], finally: [c1, c2, c3]'), { engine, store: full });
  expect(open).toBe(0);
});

test('a record that names other artifacts than the job is no record of it', async () => {
  const store = memoryStore();
  const engine = scriptedEngine({ step: (_, io) => void io.files.set('/work/out', 'x') });
  const text = job('steps: [one], artifacts: { d: out }');
  await executeText(text, { engine, store });
  const renamed = (record: StoredRecord): StoredRecord =>
    record.kind === 'step'
      ? record
      : { ...record, artifacts: record.artifacts.map((tree) => ({ ...tree, name: '../../../evil' })) };
  for (const record of store.records.values()) await store.putRecord(renamed(record));
  const { result, events } = await executeText(text, { engine, store });
  expect(Object.keys(result.jobs.a?.artifacts ?? {})).toEqual(['d']);
  expect(events).toContainEqual(expect.objectContaining({ type: 'job-started', reused: 'none' }));
});

test('a second attempt that is answered from records says that it is the second', async () => {
  const store = memoryStore();
  const text = job('retry: { max: 1, delay: 1s }, steps: [one]');
  const other = gate();
  const engine = scriptedEngine({ step: () => ({ exitCode: 1 }) });
  const attempts: number[] = [];
  await executeText(text, {
    ...{ engine, store },
    hear: (event) => {
      if (event.type === 'job-retrying')
        void executeText(text, { engine: scriptedEngine(), store }).then(() => other.open());
      if (event.type === 'job-started') attempts.push(event.attempt);
    },
  });
  await other.opened;
  expect(attempts).toEqual([1, 2]);
});
