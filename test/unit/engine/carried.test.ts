// Machines that live for one job, with nothing in common but a cache store.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { RunEvent } from '../../../src/model/event.ts';
import { away, memoryCacheStore, silent, type MemoryCacheStore } from '../../fakes/memory-cache-store.ts';
import { memoryStore, type MemoryStore } from '../../fakes/memory-store.ts';
import {
  digestFor,
  scriptedEngine,
  type EngineScript,
  type ScriptedEngine,
} from '../../fakes/scripted-engine.ts';
import { executeText, type Executed, type InProcess } from '../../rig/in-process.ts';

/** Pinned, so that a job that is answered from records asks no engine at all. */
const image = `x@${digestFor('x')}`;
const head = `version: 1\ndefaults: { image: "${image}" }\n`;
const pipeline = `${head}jobs:
  build:
    steps:
      - { run: install, inputs: [lock] }
      - { run: compile, inputs: [src] }
    artifacts: { dist: out }
`;

let cache: MemoryCacheStore;
/** The checkout, at the same place on all machines. */
let root: string;
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  cache = memoryCacheStore();
  root = mkdtempSync(join(tmpdir(), 'lockstep-carried-root-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(root, { recursive: true });
});

interface Machine {
  readonly engine: ScriptedEngine;
  readonly store: MemoryStore;
  readonly run: (files: Record<string, string>, more?: Partial<InProcess>) => Promise<Executed>;
}

let machines = 0;
/** `installMs`: what the first step takes. */
function machine(
  yaml = pipeline,
  { installMs = 60_000, step }: { installMs?: number } & EngineScript = {},
): Machine {
  const store = memoryStore(`store-${(machines += 1)}`);
  const engine = scriptedEngine({
    step(spec, io) {
      if (spec.script === 'install') {
        vi.setSystemTime(Date.now() + installMs);
        io.files.set('/work/modules', `of ${io.files.get('/work/lock') ?? ''}`);
      }
      if (spec.script === 'compile') {
        io.files.set(
          '/work/out',
          `${io.files.get('/work/src') ?? ''} with ${io.files.get('/work/modules') ?? ''}`,
        );
      }
      return step?.(spec, io);
    },
  });
  const run = (files: Record<string, string>, more: Partial<InProcess> = {}): Promise<Executed> =>
    executeText(yaml, { engine, store, files, root, carry: { cache }, ...more });
  return { engine, store, run };
}

const ran = ({ engine }: Machine): string[] => engine.calls.filter((call) => call.startsWith('run'));
const notices = ({ events }: Executed): string[] =>
  events.flatMap((event) => (event.type === 'notice' ? [event.code] : []));
const reusedOf = ({ events }: Executed): string[] =>
  events.flatMap((event: RunEvent) => (event.type === 'job-finished' ? [event.reused] : []));
const putKeys = (): string[] => cache.calls.filter((call) => call.startsWith('put'));
const first = { lock: '1', src: 'a' };
const edited = { ...first, src: 'b' };

describe('records', () => {
  test('a second machine reuses the whole job: no sandbox, no image, the same digest, nothing written again', async () => {
    const before = await machine().run(first);
    const keys = [...cache.entries.keys()];
    expect(keys).toEqual([
      expect.stringMatching(/^lockstep-v1\/job\/[0-9a-f]{32}\/linux-amd64\/[0-9a-f]{32}\/whole$/),
    ]);
    const second = machine();
    const after = await second.run(first);
    expect(after.result).toEqual(before.result);
    expect(reusedOf(after)).toEqual(['all']);
    expect(second.engine.calls).toEqual([]);
    expect([...cache.entries.keys()]).toEqual(keys);
    expect(notices(after)).toEqual([]);
  });

  test('of what is here already nothing is fetched', async () => {
    const one = machine();
    await one.run(first);
    cache.calls.length = 0;
    await one.run(first);
    expect(cache.calls).toEqual([expect.stringMatching(/^look .*whole → hit/)]);
  });

  test('a machine that has the records gives them to a place that lost them', async () => {
    const one = machine();
    await one.run(first);
    cache.entries.clear();
    await one.run(first);
    expect(reusedOf(await machine().run(first))).toEqual(['all']);
  });

  test('branches do not push each other out', async () => {
    await machine().run(first);
    await machine().run({ lock: '2', src: 'c' });
    const back = machine();
    expect(reusedOf(await back.run(first))).toEqual(['all']);
    expect(ran(back)).toEqual([]);
  });

  test('--no-reuse asks for nothing, and later machines take what it made', async () => {
    let count = 0;
    const counting: EngineScript = { step: () => ({ outputs: `n=${(count += 1)}` }) };
    const yaml = `${head}jobs: { a: { steps: [{ id: s, run: x }], outputs: { n: "\${{ steps.s.outputs.n }}" } } }\n`;
    await machine(yaml, counting).run({});
    await machine(yaml, counting).run({}, { answers: false });
    expect(cache.calls.filter((call) => call.startsWith('get'))).toHaveLength(1);
    const { result } = await machine(yaml, counting).run({});
    expect(result.jobs.a?.outputs).toEqual({ n: '2' });
  });

  test('a job that is never reused travels nowhere', async () => {
    await machine(`${head}jobs: { a: { reuse: false, steps: [x] } }\n`).run({});
    expect(cache.calls).toEqual([]);
  });

  test('instances of a matrix have packs of their own', async () => {
    const yaml = `${head}jobs: { a: { matrix: { n: [x, y] }, env: { N: "\${{ matrix.n }}" }, steps: [s] } }\n`;
    await machine(yaml).run({});
    expect(cache.entries.size).toBe(2);
    expect(reusedOf(await machine(yaml).run({}))).toEqual(['all', 'all']);
  });
});

describe('a snapshot', () => {
  test('travels: an edit of what the last step sees starts from it on another machine', async () => {
    await machine().run(first);
    const second = machine();
    const after = await second.run(edited);
    expect(ran(second)).toEqual(['run build: compile']);
    expect(reusedOf(after)).toEqual(['prefix']);
    const fresh = await machine().run(edited, { carry: { cache: memoryCacheStore() } });
    expect(after.result).toEqual(fresh.result);
    // The id that this engine gave it stands in the record now.
    const own = await second.engine.snapshots.list(second.store.id);
    const [record] = [...second.store.records.values()].filter((one) => 'snapshot' in one);
    expect(own.ok && own.value[0]?.id).toBe(record?.kind === 'step' && record.snapshot?.id);
    expect((await second.store.snapshots()).map(({ id }) => id)).toEqual(
      own.ok && own.value.map(({ id }) => id),
    );
  });

  test('goes on to a third machine with what the second made', async () => {
    await machine().run(first);
    await machine().run(edited);
    const third = machine();
    await third.run({ ...first, src: 'c' });
    expect(ran(third)).toEqual(['run build: compile']);
  });

  test('comes from a job that failed, too', async () => {
    const failing = machine(pipeline, { step: ({ script }) => ({ exitCode: script === 'compile' ? 1 : 0 }) });
    await failing.run(first);
    expect(putKeys()).toHaveLength(1);
    const second = machine();
    expect((await second.run(edited)).statuses).toEqual({ build: 'success' });
    expect(ran(second)).toEqual(['run build: compile']);
  });

  test('a failure that adds nothing to what was fetched writes nothing', async () => {
    const failing = (): Machine =>
      machine(pipeline, { step: ({ script }) => ({ exitCode: script === 'compile' ? 1 : 0 }) });
    await failing().run(first);
    await failing().run(edited);
    expect(putKeys()).toHaveLength(1);
  });

  test('stays at home when its steps took less than three times the journey', async () => {
    await machine(pipeline, { installMs: 1001 }).run({ ...first, lock: 'x'.repeat(11_000_000) });
    const second = machine();
    await second.run({ ...edited, lock: 'x'.repeat(11_000_000) });
    expect(ran(second)).toEqual(['run build: install', 'run build: compile']);
  });

  test('that the engine does not take is told once; the job runs from its start', async () => {
    await machine().run(first);
    const second = machine();
    const refusing = {
      ...second.engine,
      snapshots: { ...second.engine.snapshots, import: () => scriptedRefusal },
    };
    const after = await second.run(edited, { engine: refusing });
    expect(after.statuses).toEqual({ build: 'success' });
    expect(ran(second)).toEqual(['run build: install', 'run build: compile']);
    expect(notices(after)).toEqual(['pack-damaged']);
  });

  test('is loaded only when a job starts from it', async () => {
    await machine().run(first);
    const second = machine();
    await second.run(first);
    expect(await second.engine.snapshots.list(second.store.id)).toEqual({ ok: true, value: [] });
  });
});

const scriptedRefusal = Promise.resolve({
  ok: false as const,
  failure: { kind: 'environment' as const, code: 'snapshot-unusable', message: 'the image is another' },
});

describe('a place that fails', () => {
  test.each([
    ['is away from the start', 'get'],
    ['goes away while a pack is put', 'put'],
  ])('%s: one notice, the run is what it is without', async (_, when) => {
    cache.fault = (call) => (call.startsWith(when) ? away() : null);
    const yaml = `${head}jobs: { a: { steps: [x] }, b: { needs: [a], steps: [y] } }\n`;
    const after = await machine(yaml).run({});
    expect(after.statuses).toEqual({ a: 'success', b: 'success' });
    expect(notices(after)).toEqual(['cache-away']);
    expect(cache.entries.size).toBe(0);
  });

  test('goes away when it is asked whether it has what is known here: one notice', async () => {
    const here = machine();
    await here.run(first);
    cache.entries.clear();
    cache.fault = (call) => (call.startsWith('look') ? away() : null);
    const again = await here.run(first);
    expect(again.statuses).toEqual({ build: 'success' });
    expect(notices(again)).toEqual(['cache-away']);
    expect(cache.entries.size).toBe(0);
  });

  test('answers nobody before all have asked: they ask side by side, whatever `parallel` says', async () => {
    const all = Promise.withResolvers<Awaited<ReturnType<typeof away>>>();
    let asked = 0;
    cache.fault = (call) => {
      if (!call.startsWith('get')) return null;
      if ((asked += 1) === 3) all.resolve(away());
      return all.promise;
    };
    const yaml = `${head}jobs: { a: { steps: [x] }, b: { steps: [y] }, c: { steps: [z] } }\n`;
    const after = await machine(yaml).run({}, { parallel: 1 });
    expect(after.statuses).toEqual({ a: 'success', b: 'success', c: 'success' });
  });

  test('never answers: silence is an outage', async () => {
    cache.fault = silent;
    const after = await machine().run(first, { carry: { cache, silentMs: 20 } });
    expect(after.statuses).toEqual({ build: 'success' });
    expect(notices(after)).toEqual(['cache-away']);
  });

  test('never answers, and the run is cancelled: nobody waits', async () => {
    const cancel = new AbortController();
    cache.fault = () => {
      cancel.abort();
      return silent();
    };
    const after = await machine().run(first, { cancel: cancel.signal });
    expect(after.statuses).toEqual({ build: 'cancelled (cancelled)' });
  });

  test('gives a damaged pack: told once, the job runs, and its next pack is the one that is found', async () => {
    await machine().run(first);
    for (const [key, bytes] of cache.entries) cache.entries.set(key, bytes.subarray(1));
    const second = machine();
    const after = await second.run(first);
    expect(after.statuses).toEqual({ build: 'success' });
    expect(ran(second)).toHaveLength(2);
    expect(notices(after)).toEqual(['pack-damaged']);
    expect(reusedOf(await machine().run(first))).toEqual(['all']);
  });

  test('gives the pack of another job: nothing of it is used', async () => {
    await machine(`${head}jobs: { other: { steps: [x] } }\n`).run({});
    const other = [...cache.entries.values()][0] ?? new Uint8Array();
    await machine().run(first);
    for (const key of cache.entries.keys()) cache.entries.set(key, other);
    const second = machine();
    expect((await second.run(first)).statuses).toEqual({ build: 'success' });
    expect(ran(second)).toHaveLength(2);
  });

  test('takes nothing: said once, as no warning', async () => {
    const readOnly = {
      ...cache,
      put: () => Promise.resolve({ kind: 'declined' as const, because: 'a fork' }),
    };
    const after = await machine(`${head}jobs: { a: { steps: [x] }, b: { steps: [y] } }\n`).run(
      {},
      { carry: { cache: readOnly } },
    );
    expect(notices(after)).toEqual(['cache-declined']);
  });

  test('is known to take nothing: nothing is packed or asked for it, and that is said once', async () => {
    const readOnly = { ...cache, takesNothing: 'a fork' };
    const yaml = `${head}caches: { npm: { path: /c, key: [lock] } }
jobs: { a: { caches: [npm], steps: [x] }, b: { steps: [y] } }\n`;
    const after = await machine(yaml).run(first, { carry: { cache: readOnly } });
    expect(after.events).toContainEqual({
      ...{ type: 'notice', level: 'info', code: 'cache-declined' },
      message: 'the memory cache takes nothing: a fork',
    });
    expect(notices(after)).toEqual(['cache-declined']);
    expect(cache.calls.filter((call) => !call.startsWith('get'))).toEqual([]);
  });
});

describe('two places', () => {
  const yaml = `${head}caches: { npm: { path: /c, key: [lock] } }
jobs: { a: { caches: [npm], steps: [x] } }\n`;
  const fill: EngineScript = { step: (_spec, { caches }) => void caches.get('npm')?.set('a', 'tarball') };
  const partsOf = ({ entries }: MemoryCacheStore): string[] =>
    [...entries.keys()].map((key) => key.split('/')[1] ?? '');

  test('records go to one, cache directories to the other', async () => {
    const caches = memoryCacheStore();
    await machine(yaml, fill).run(first, { carry: { cache, caches } });
    expect([partsOf(cache), partsOf(caches)]).toEqual([['job'], ['cache']]);
    const second = machine(yaml, fill);
    expect(reusedOf(await second.run(first, { carry: { cache, caches } }))).toEqual(['all']);
  });

  test('one is away: said for each, and the other goes on', async () => {
    const caches = memoryCacheStore();
    cache.fault = away;
    const after = await machine(yaml, fill).run(first, { carry: { cache, caches } });
    expect(notices(after)).toEqual(['cache-away']);
    expect(partsOf(caches)).toEqual(['cache']);
    caches.fault = away;
    const again = await machine(yaml, fill).run(first, { carry: { cache, caches } });
    expect(notices(again)).toEqual(['cache-away', 'cache-away']);
    expect(again.statuses).toEqual({ a: 'success' });
  });
});

describe('cache directories', () => {
  const withCache = (cacheSpec: string, steps = '[warm]'): string =>
    `${head}caches: { npm: ${cacheSpec} }\njobs: { a: { reuse: false, caches: [npm], steps: ${steps} } }\n`;
  const seen: string[] = [];
  const warm: EngineScript = {
    step: ({ script }, { caches }) => {
      const npm = caches.get('npm');
      seen.push(
        [...(npm ?? [])]
          .map(([path, content]) => `${path}=${content}`)
          .sort()
          .join(),
      );
      if (script === 'warm') npm?.set('pkg/a', 'tarball');
      if (script === 'touch') npm?.set('pkg/a', `${npm.get('pkg/a') ?? ''}!`);
      return { exitCode: script === 'bad' ? 1 : 0 };
    },
  };
  beforeEach(() => {
    seen.length = 0;
  });

  test('are saved under the digest of the key files, and seed the next machine', async () => {
    const yaml = withCache('{ path: /c, key: [lock] }');
    await machine(yaml, warm).run(first);
    expect([...cache.entries.keys()]).toEqual([
      expect.stringMatching(/^lockstep-v1\/cache\/[0-9a-f]{32}\/linux-amd64\/files-[0-9a-f]{32}$/),
    ]);
    cache.calls.length = 0;
    await machine(yaml, warm).run(first);
    expect(seen).toEqual(['', 'pkg/a=tarball']);
    expect(cache.calls).toEqual([expect.stringMatching(/^get .* → hit .*files-/)]);
  });

  test('other key files: the newest of the same name seeds, and a new one is saved', async () => {
    const yaml = withCache('{ path: /c, key: [lock] }', '[touch]');
    await machine(yaml, warm).run(first);
    await machine(yaml, warm).run({ ...first, lock: '2' });
    expect(seen).toEqual(['', 'pkg/a=!']);
    expect(cache.entries.size).toBe(2);
    await machine(yaml, warm).run(first);
    expect(seen.at(-1)).toBe('pkg/a=!');
  });

  test('without key files the content names it: the same content is saved once', async () => {
    const yaml = withCache('{ path: /c }');
    await machine(yaml, warm).run(first);
    await machine(yaml, warm).run(first);
    expect(seen).toEqual(['', 'pkg/a=tarball']);
    expect(putKeys()).toEqual([expect.stringMatching(/content-[0-9a-f]{32} → stored$/)]);
    await machine(withCache('{ path: /c }', '[touch]'), warm).run(first);
    expect(cache.entries.size).toBe(2);
  });

  test('key globs that match no file count as none', async () => {
    await machine(withCache('{ path: /c, key: [nothing/**] }'), warm).run(first);
    expect(putKeys()).toEqual([expect.stringContaining('/content-')]);
  });

  test.each([
    ['success', '[warm]', 1],
    ['success', '[warm, bad]', 0],
    ['always', '[warm, bad]', 1],
    ['never', '[warm]', 0],
  ])('save: %s after %s', async (save, steps, count) => {
    const yaml = withCache(`{ path: /c, key: [lock], save: ${save} }`, steps);
    await machine(yaml, warm).run(first);
    expect(cache.entries.size).toBe(count);
  });

  test('save: never is seeded all the same', async () => {
    await machine(withCache('{ path: /c, key: [lock] }'), warm).run(first);
    await machine(withCache('{ path: /c, key: [lock], save: never }'), warm).run(first);
    expect(seen.at(-1)).toBe('pkg/a=tarball');
  });

  test('two jobs at once: seeded once, saved once', async () => {
    const two = `${head}caches: { npm: { path: /c, key: [lock] } }\njobs:\n  a: { caches: [npm], steps: [warm] }\n  b: { caches: [npm], steps: [y] }\n`;
    await machine(two, warm).run(first);
    const ofCache = cache.calls.filter((call) => call.includes('/cache/'));
    expect(ofCache.map((call) => call.split(' ')[0])).toEqual(['get', 'look', 'put']);
    const caches = [...cache.entries.keys()].filter((key) => key.includes('/cache/'));
    expect(caches).toHaveLength(1);
  });

  test('a volume that this machine has is not touched', async () => {
    const yaml = withCache('{ path: /c, key: [lock] }', '[touch]');
    const one = machine(yaml, warm);
    await one.run(first);
    await one.run(first);
    expect(seen).toEqual(['', 'pkg/a=!']);
    expect(cache.calls.filter((call) => call.startsWith('get'))).toHaveLength(1);
  });

  test('an empty one is not saved', async () => {
    await machine(withCache('{ path: /c }', '[y]'), warm).run(first);
    expect(cache.entries.size).toBe(0);
  });

  test('a damaged one is told; the job starts with an empty directory', async () => {
    const yaml = withCache('{ path: /c, key: [lock] }');
    await machine(yaml, warm).run(first);
    for (const [key, bytes] of cache.entries) cache.entries.set(key, bytes.fill(7, 20, 24));
    const after = await machine(yaml, warm).run(first);
    expect(seen).toEqual(['', '']);
    expect(after.statuses).toEqual({ a: 'success' });
    expect(notices(after)).toEqual(['cache-unusable']);
  });

  test('--fresh seeds nothing', async () => {
    const yaml = withCache('{ path: /c, key: [lock] }');
    await machine(yaml, warm).run(first);
    await machine(yaml, warm).run(first, { carry: { cache, fresh: true } });
    expect(seen).toEqual(['', '']);
  });
});
