// Caches in real containers: owners, what fills them, labels, and what a dead process left half filled.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { until } from '../rig/engine.ts';
import { docker } from './docker-engine.ts';
import { value } from './reuse.ts';
import { never, runStep, tarOf } from './sandbox.ts';
import { npm, outputOf, rig, runId, storeForFile, store, withSandbox } from './docker-store.ts';

storeForFile();

describe('caches', () => {
  const owner = (path: string): string => `stat -c '%u:%g %a' ${path}`;

  test('a new one belongs to the user, and so do the folders above it that were made for it', async () => {
    const cache = { ...npm, volume: `${npm.volume}-owned` };
    const script = `for d in /work /work/node_modules /work/node_modules/.cache; do ${owner('$d')}; done; touch /work/node_modules/.cache/x`;
    const more = { user: 'nobody', caches: [cache] };
    expect(await outputOf(script, more)).toBe('65534:65534 755\n'.repeat(3));
    const asRoot = await outputOf(`${owner(npm.path)}; chown 7:7 ${npm.path}`, { caches: [cache] });
    expect(asRoot).toBe('65534:65534 755\n');
    expect(await outputOf(owner(npm.path), more)).toBe('7:7 755\n');
  });

  test('folders of the image above it keep their owner', async () => {
    const cache = { ...npm, volume: `${npm.volume}-usr`, path: '/usr/share/made/cache' };
    const script = `for d in /usr/share /usr/share/made /usr/share/made/cache; do ${owner('$d')}; done`;
    expect(await outputOf(script, { user: 'nobody', caches: [cache] })).toBe(
      '0:0 755\n0:0 755\n65534:65534 755\n',
    );
  });

  test('it is not filled with what the image has there', async () => {
    const cache = { ...npm, volume: `${npm.volume}-etc`, path: '/usr/share' };
    expect(await outputOf('ls -A /usr/share', { caches: [cache] })).toBe('');
  });

  test('a path below the workspace: the workspace’s files go in, the cache into no snapshot', async () => {
    const cache = { ...npm, volume: `${npm.volume}-work` };
    const snapshot = await withSandbox({ caches: [cache] }, async (sandbox) => {
      value(await sandbox.put(await tarOf({ 'work/a': 'a', 'work/node_modules/b': 'b' })));
      await runStep(sandbox, `echo c >${npm.path}/c`);
      return value(await sandbox.snapshot(store, never));
    });
    const look = 'find . -type f | sort';
    expect(await outputOf(look, { snapshot: snapshot.id })).toBe('./a\n./node_modules/b\n');
    expect(await outputOf(`ls ${npm.path}`, { caches: [cache] })).toBe('c\n');
  });

  test('labels say whose it is; a sweep leaves it alone', async () => {
    await outputOf(`echo 12345 >${npm.path}/x`, { caches: [npm] });
    await rig.engine.sweep();
    const { Labels: labels } = await docker.getVolume(npm.volume).inspect();
    expect(labels).toEqual({ 'dev.lockstep.store': store, 'dev.lockstep.cache': 'npm' });
    const [info] = value(await rig.engine.caches.list(store)).filter(({ volume }) => volume === npm.volume);
    expect(info).toMatchObject({ cache: 'npm', bytes: 6 });
    expect(info?.created).toBeGreaterThan(Date.now() - 600_000);
  });

  test('read and fill keep owners, modes and links, the root’s too', async () => {
    const from = { ...npm, volume: `${npm.volume}-from` };
    const to = { ...npm, volume: `${npm.volume}-to` };
    const script = `cd ${npm.path}; mkdir d; echo a >d/a; chmod 600 d/a; ln d/a h; ln -s d/a s; chown -R 7:8 .; chmod 2770 .`;
    await outputOf(script, { caches: [from] });
    const tar = value(await rig.engine.caches.read(from.volume, rig.busybox));
    if (tar === null) throw new Error('nothing was read');
    value(await rig.engine.caches.fill(to, rig.busybox, tar));
    const look = `cd ${npm.path}; stat -c '%n %u:%g %a %h %F' . d d/a h s`;
    expect(await outputOf(look, { caches: [to] })).toBe(await outputOf(look, { caches: [from] }));
    expect(await outputOf(look, { caches: [to] })).toMatch(/^\. 7:8 2770/);
  });

  test('a fill that fails leaves no volume, and no container', async () => {
    const bad = { ...npm, volume: `${npm.volume}-bad` };
    const nonsense = Readable.from([Buffer.alloc(4096, 'x')]);
    expect(await rig.engine.caches.fill(bad, rig.busybox, nonsense)).toMatchObject({ ok: false });
    const thrown = new Error('source');
    const thrower = Readable.from(
      (function* (): Generator<Buffer> {
        yield Buffer.alloc(2048);
        throw thrown;
      })(),
    );
    await expect(rig.engine.caches.fill(bad, rig.busybox, thrower)).rejects.toBe(thrown);
    expect(value(await rig.engine.caches.read(bad.volume, rig.busybox))).toBeNull();
    const filters = { label: [`dev.lockstep.run=${runId}`] };
    await until('no container is left', async () => {
      return (await docker.listContainers({ all: true, filters })).every(({ State }) => State !== 'created');
    });
  });

  /** A process that died while it filled `RUN-held`; without a store the volume is its run's alone. */
  async function deadFill(
    store = '',
  ): Promise<{ readonly volume: string; readonly containers: () => Promise<unknown[]> }> {
    const run = `test-${crypto.randomUUID()}`;
    const holder = spawn(
      process.execPath,
      [fileURLToPath(new URL('hold-fill.ts', import.meta.url)), run, store],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(holder.stdout, 'data');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    const filters = { label: [`dev.lockstep.run=${run}`] };
    return { volume: `${run}-held`, containers: () => docker.listContainers({ all: true, filters }) };
  }
  const stateOf = async (volume: string) => value(await rig.engine.caches.has(volume));

  test.each([
    ['of its store', store],
    ['of its run alone', ''],
  ])('half a cache %s that a dead process left goes with a sweep', async (_, of) => {
    const { volume, containers } = await deadFill(of);
    expect([await stateOf(volume), await containers()]).toEqual(['filling', [expect.anything()]]);
    await rig.engine.sweep();
    expect([await stateOf(volume), await containers()]).toEqual(['none', []]);
  });

  test('who fills it anew has nothing of that half', async () => {
    const { volume, containers } = await deadFill(store);
    const again = { ...npm, volume, cache: 'held' };
    value(
      await rig.engine.caches.fill(
        again,
        rig.busybox,
        Readable.from([await buffer(await tarOf({ whole: 'x' }))]),
      ),
    );
    expect([await stateOf(volume), await containers()]).toEqual(['whole', []]);
    expect(await outputOf(`ls ${npm.path}`, { caches: [again] })).toBe('whole\n');
  });

  test('a volume of a run alone says whose it is, so that a sweep takes it when that is dead', async () => {
    const cache = { ...npm, volume: `${npm.volume}-run`, store: null };
    await outputOf('true', { caches: [cache] });
    const { Labels: labels } = await docker.getVolume(cache.volume).inspect();
    const owner: unknown = expect.stringMatching(/\/\d+\//);
    expect(labels).toEqual({
      ...{ 'dev.lockstep.run': runId, 'dev.lockstep.owner': owner, 'dev.lockstep.cache': 'npm' },
    });
    await rig.engine.sweep();
    expect(await stateOf(cache.volume)).toBe('whole');
    await until('it can be removed', async () => value(await rig.engine.caches.remove(cache.volume)));
  });
});
