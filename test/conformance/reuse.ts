// What outlives a sandbox, as tests for every engine: snapshots and caches. Programs are told twice, as in sandbox.ts.
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type {
  CacheMount,
  Engine,
  Image,
  Sandbox,
  SandboxSpec,
  Snapshot,
} from '../../src/contract/sandbox.ts';
import type { Outcome } from '../../src/model/failure.ts';
import { until } from '../rig/engine.ts';
import {
  type Program,
  type SandboxFactory,
  filesOf,
  imageOf,
  never,
  opened,
  runStep,
  specFor,
} from './sandbox.ts';

export const value = <T>(outcome: Outcome<T>): T => {
  if (outcome.ok) return outcome.value;
  throw new Error(`${outcome.failure.code}: ${outcome.failure.message}: ${outcome.failure.cause ?? ''}`);
};

/** Removes all that a store has in an engine, as soon as no container uses it. */
export const emptyStore = (engine: Engine, store: string): Promise<void> =>
  until(`nothing of ${store} is left`, async () => {
    const snapshots = value(await engine.snapshots.list(store));
    const caches = value(await engine.caches.list(store));
    for (const { id } of snapshots) await engine.snapshots.remove(id);
    for (const { volume } of caches) await engine.caches.remove(volume);
    return snapshots.length === 0 && caches.length === 0;
  });

const is = (value: string): unknown => ({ ok: true, value });

const cachePath = '/var/deep/cache';

const p = {
  writes: {
    sh: 'echo one >/work/a; echo two >/work/b',
    scripted: (io) => void io.files.set('/work/a', 'one\n').set('/work/b', 'two\n'),
  },
  changes: {
    sh: 'rm /work/a; echo three >/work/c',
    scripted: (io) => {
      io.files.delete('/work/a');
      io.files.set('/work/c', 'three\n');
      return undefined;
    },
  },
  caches: {
    sh: `echo kept >${cachePath}/file`,
    scripted: (io) => void io.caches.get('npm')?.set('file', 'kept\n'),
  },
  reads: {
    sh: `cat ${cachePath}/file || echo nothing`,
    scripted: async (io) => {
      await io.write('stdout', io.caches.get('npm')?.get('file') ?? 'nothing\n');
      return undefined;
    },
  },
  editsHosts: { sh: 'echo 127.0.0.2 own >>/etc/hosts', scripted: () => ({ hostFilesChanged: true }) },
  nothing: { sh: 'true', scripted: () => undefined },
} satisfies Record<string, Program>;

export function reuseContract(name: string, factory: SandboxFactory): void {
  describe(`reuse contract: ${name}`, () => {
    const store = `test-${crypto.randomUUID()}`;
    const npm: CacheMount = { cache: 'npm', volume: `${store}-npm`, store, path: cachePath };
    let engine: Engine;
    let image: Image;
    const open: Sandbox[] = [];
    const sandbox = async (more: Partial<SandboxSpec> = {}): Promise<Sandbox> => {
      const one = await opened(engine, specFor(image, more));
      open.push(one);
      return one;
    };
    const run = (box: Sandbox, program: Program) => runStep(box, program.sh, { isolated: factory.isolated });
    const snapshot = async (box: Sandbox): Promise<Snapshot> => value(await box.snapshot(store, never));
    const workOf = async (box: Sandbox) => {
      const tar = value(await box.get('/work'));
      return tar === null ? {} : filesOf(tar);
    };
    const closeAll = async (): Promise<void> => {
      await Promise.all(open.splice(0).map((one) => one.close()));
    };
    /** A container goes a moment after `close`. */
    const removed = (remove: () => Promise<Outcome<boolean>>): Promise<void> =>
      until('it can be removed', async () => value(await remove()));

    beforeAll(async () => {
      engine = await factory.make(Object.values(p));
      image = await imageOf(engine, factory.image);
    });
    afterEach(closeAll);
    afterAll(async () => {
      await emptyStore(engine, store);
      await engine.close();
    });

    test('a sandbox that starts from a snapshot sees what was written, the one it was taken of goes on', async () => {
      const first = await sandbox();
      await run(first, p.writes);
      const taken = await snapshot(first);
      expect(taken.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(taken.bytes).toBeGreaterThanOrEqual(8);
      expect(taken.bytes).toBeLessThan(100_000);
      expect(await run(first, p.changes)).toMatchObject({ exitCode: 0 });
      const second = await sandbox({ snapshot: taken.id });
      expect(await workOf(second)).toEqual({ 'work/a': 'one\n', 'work/b': 'two\n' });
    });

    test('a snapshot of a snapshot, with what was deleted gone', async () => {
      const first = await sandbox();
      await run(first, p.writes);
      const second = await sandbox({ snapshot: (await snapshot(first)).id });
      await run(second, p.changes);
      const third = await sandbox({ snapshot: (await snapshot(second)).id });
      expect(await workOf(third)).toEqual({ 'work/b': 'two\n', 'work/c': 'three\n' });
    });

    test('snapshots of a store are listed, found and removed, others’ are not', async () => {
      const box = await sandbox();
      await run(box, p.writes);
      const before = Date.now() - 60_000;
      const { id } = await snapshot(box);
      const other = value(await box.snapshot(`${store}-other`, never));
      const listed = value(await engine.snapshots.list(store));
      const info = listed.find((one) => one.id === id);
      expect(info?.bytes).toBeGreaterThanOrEqual(8);
      expect(info?.created).toBeGreaterThan(before);
      expect(info?.maker).toBe('alive');
      expect(listed.map((one) => one.id)).not.toContain(other.id);
      expect(await engine.snapshots.has(id)).toEqual({ ok: true, value: true });
      const user = await sandbox({ snapshot: id });
      expect(await engine.snapshots.remove(id)).toEqual({ ok: true, value: false });
      await user.close();
      await removed(() => engine.snapshots.remove(id));
      expect(await engine.snapshots.has(id)).toEqual({ ok: true, value: false });
      expect(await engine.snapshots.remove(id)).toEqual({ ok: true, value: false });
      expect(await engine.snapshots.remove(other.id)).toEqual({ ok: true, value: true });
      expect(await engine.open(specFor(image, { snapshot: id }))).toMatchObject({
        ok: false,
        failure: { kind: 'environment', code: 'snapshot-missing' },
      });
    });

    test('what changed is listed, and read from a snapshot that later steps do not reach', async () => {
      const first = await sandbox();
      await run(first, p.writes);
      const { id: below } = await snapshot(first);
      const second = await sandbox({ snapshot: below });
      await run(second, p.changes);
      const changed = value(await second.changes());
      expect(changed).toContain('/work/c');
      expect(changed.filter((path) => /^\/work\/(a|b)$/.test(path))).toEqual([]);
      const { id } = await snapshot(second);
      await run(second, p.writes);
      const files = value(await engine.snapshots.read(id));
      const read = async (path: string) => {
        const tar = value(await files.get(path));
        return tar === null ? null : filesOf(tar);
      };
      expect(await read('/work/c')).toEqual({ c: 'three\n' });
      expect(await read('/work')).toEqual({ 'work/b': 'two\n', 'work/c': 'three\n' });
      expect(await read('/work/a')).toBeNull();
      for (const path of changed) expect(await read(path)).not.toBeNull();
      await files.close();
      await files.close();
      await closeAll();
      await removed(() => engine.snapshots.remove(id));
      expect(await engine.snapshots.read(id)).toMatchObject({
        ok: false,
        failure: { kind: 'environment', code: 'snapshot-missing' },
      });
      await second.close();
      expect(await second.changes()).toMatchObject({ ok: false, failure: { code: 'sandbox-died' } });
    });

    test('no snapshot of a closed sandbox', async () => {
      const box = await sandbox();
      await box.close();
      expect(await box.snapshot(store, never)).toMatchObject({
        ok: false,
        failure: { code: 'sandbox-died' },
      });
    });

    test('one that is given up comes to nothing, and the sandbox goes on', async () => {
      const box = await sandbox();
      const cancelled = { ok: false, failure: { kind: 'environment', code: 'snapshot-failed' } };
      expect(await box.snapshot(`${store}-given-up`, AbortSignal.abort())).toMatchObject(cancelled);
      const stop = new AbortController();
      const taking = box.snapshot(`${store}-given-up`, stop.signal);
      stop.abort();
      expect(await taking).toMatchObject(cancelled);
      expect(await run(box, p.nothing)).toMatchObject({ exitCode: 0 });
      expect((await snapshot(box)).id).toMatch(/^sha256:/);
      await until('nothing is left of it', async () => {
        return value(await engine.snapshots.list(`${store}-given-up`)).length === 0;
      });
    });

    test('a cache is kept from sandbox to sandbox, and is in no snapshot', async () => {
      const first = await sandbox({ caches: [npm] });
      await run(first, p.caches);
      const taken = await snapshot(first);
      expect((await run(await sandbox({ caches: [npm] }), p.reads)).stdout).toBe('kept\n');
      const bare = await sandbox({ snapshot: taken.id, caches: [{ ...npm, volume: `${npm.volume}-2` }] });
      expect((await run(bare, p.reads)).stdout).toBe('nothing\n');
      const listed = value(await engine.caches.list(store)).map(({ volume, cache }) => [volume, cache]);
      expect(listed.sort()).toEqual([
        [npm.volume, 'npm'],
        [`${npm.volume}-2`, 'npm'],
      ]);
    });

    test('sandboxes side by side see one cache', async () => {
      const shared = { ...npm, volume: `${npm.volume}-shared` };
      const [a, b] = await Promise.all([sandbox({ caches: [shared] }), sandbox({ caches: [shared] })]);
      await run(a, p.caches);
      expect((await run(b, p.reads)).stdout).toBe('kept\n');
      expect(await engine.caches.remove(shared.volume)).toEqual({ ok: true, value: false });
      await closeAll();
      await removed(() => engine.caches.remove(shared.volume));
      expect(await engine.caches.remove(shared.volume)).toEqual({ ok: true, value: false });
      expect((await run(await sandbox({ caches: [shared] }), p.reads)).stdout).toBe('nothing\n');
    });

    test('a cache of one run alone is in no store, and goes when its engine is closed', async () => {
      const own = await factory.make(Object.values(p));
      const mine = { ...npm, volume: `${npm.volume}-mine`, store: null };
      const spec = specFor(await imageOf(own, factory.image), { caches: [mine] });
      await run(await opened(own, spec), p.caches);
      expect((await run(await opened(own, spec), p.reads)).stdout).toBe('kept\n');
      const copy = { ...mine, volume: `${mine.volume}-copy` };
      const tar = value(await own.caches.read(mine.volume, spec.image));
      if (tar === null) throw new Error('nothing was read');
      expect(await own.caches.fill(copy, spec.image, tar)).toEqual({ ok: true });
      for (const { volume } of [mine, copy]) expect(await own.caches.has(volume)).toEqual(is('whole'));
      const listed = value(await own.caches.list(store)).map(({ volume }) => volume);
      expect(listed.filter((volume) => volume.startsWith(mine.volume))).toEqual([]);
      await own.close();
      for (const { volume } of [mine, copy]) expect(await engine.caches.has(volume)).toEqual(is('none'));
    });

    test('what a cache holds is read, and fills another', async () => {
      expect(await engine.caches.read(`${store}-none`, image)).toEqual({ ok: true, value: null });
      expect(await engine.caches.has(`${store}-none`)).toEqual(is('none'));
      await run(await sandbox({ caches: [npm] }), p.caches);
      const read = async (volume: string) => {
        const tar = value(await engine.caches.read(volume, image));
        return tar === null ? null : filesOf(Readable.from(tar, { objectMode: false }));
      };
      expect(await read(npm.volume)).toEqual({ './file': 'kept\n' });
      const other = { ...npm, volume: `${npm.volume}-filled` };
      const tar = value(await engine.caches.read(npm.volume, image));
      if (tar === null) throw new Error('nothing was read');
      expect(await engine.caches.fill(other, image, tar)).toEqual({ ok: true });
      expect(await engine.caches.has(other.volume)).toEqual(is('whole'));
      expect(await read(other.volume)).toEqual({ './file': 'kept\n' });
      expect((await run(await sandbox({ caches: [other] }), p.reads)).stdout).toBe('kept\n');
    });

    test('a bundle carries a snapshot to another store', async () => {
      const box = await sandbox();
      await run(box, p.writes);
      const { id } = await snapshot(box);
      const bundle = value(await engine.snapshots.export(id, image));
      const brought = value(await engine.snapshots.import(bundle, image, `${store}-brought`));
      expect(value(await engine.snapshots.list(`${store}-brought`))).toMatchObject([
        { id: brought.id, maker: 'alive' },
      ]);
      const next = await sandbox({ snapshot: brought.id });
      expect(await workOf(next)).toEqual({ 'work/a': 'one\n', 'work/b': 'two\n' });
      await closeAll();
      await removed(() => engine.snapshots.remove(brought.id));
    });

    test('nonsense is no bundle', async () => {
      const outcome = await engine.snapshots.import(Readable.from([Buffer.from('x')]), image, store);
      expect(outcome).toMatchObject({ ok: false, failure: { code: 'snapshot-unusable' } });
    });

    test('a step that changes the files that the engine mounts is told from one that does not', async () => {
      const box = await sandbox();
      expect(await run(box, p.nothing)).toMatchObject({ exitCode: 0, hostFilesChanged: false });
      expect(await run(box, p.editsHosts)).toMatchObject({ exitCode: 0, hostFilesChanged: true });
    });
  });
}
