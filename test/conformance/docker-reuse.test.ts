// Snapshots and caches of real containers: what they hold and lack, labels, owners, other engines, faults.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CacheMount, Engine, Image, Sandbox, SandboxSpec } from '../../src/contract/sandbox.ts';
import { removeAbandoned } from '../../src/compose/orphans.ts';
import { memoryStore } from '../fakes/memory-store.ts';
import { until } from '../rig/engine.ts';
import { SecondEngine, noSecondEngine } from '../rig/second-engine.ts';
import { docker, dockerEngine } from './docker-engine.ts';
import { emptyStore, value } from './reuse.ts';
import { imageOf, never, opened, runStep, specFor, tarOf } from './sandbox.ts';

const runId = `test-${crypto.randomUUID()}`;
const store = `test-${crypto.randomUUID()}`;
const npm: CacheMount = { cache: 'npm', volume: `${store}-npm`, store, path: '/work/node_modules/.cache' };
let engine: Engine;
let debian: Image;
let busybox: Image;

async function withSandbox<T>(
  more: Partial<SandboxSpec>,
  use: (sandbox: Sandbox) => Promise<T>,
  on: Engine = engine,
): Promise<T> {
  const sandbox = await opened(on, specFor(debian, { runId, ...more }));
  try {
    return await use(sandbox);
  } finally {
    await sandbox.close();
  }
}
/** After a script that root runs. */
const snapshotAfter = (script: string, more: Partial<SandboxSpec> = {}) =>
  withSandbox(more, async (sandbox) => {
    expect(await runStep(sandbox, script, { user: '0' })).toMatchObject({ exitCode: 0, stderr: '' });
    return value(await sandbox.snapshot(store, never));
  });
const outputOf = (script: string, more: Partial<SandboxSpec> = {}) =>
  withSandbox(more, async (sandbox) => (await runStep(sandbox, script, { shell: ['sh'] })).stdout);

/** An image made of busybox with other settings, e.g. `USER nobody`. */
async function imageWith(changes: string): Promise<Image> {
  const container = await docker.createContainer({ Image: 'busybox:latest' });
  const made = (await container.commit({
    changes,
    repo: 'lockstep-test/reuse',
    tag: crypto.randomUUID(),
  })) as {
    Id: string;
  };
  await container.remove();
  return imageOf(engine, made.Id);
}
/** A container goes a moment after `close`. */
const removed = (id: string): Promise<void> =>
  until('a snapshot goes', async () => value(await engine.snapshots.remove(id)));
const removeImage = (image: Image): Promise<unknown> =>
  until('the image is not used any more', () =>
    docker
      .getImage(image.id)
      .remove({ force: true })
      .then(
        () => true,
        () => false,
      ),
  );

beforeAll(async () => {
  engine = await dockerEngine({ runId });
  debian = await imageOf(engine, 'debian:bookworm-slim');
  busybox = await imageOf(engine, 'busybox:latest');
});
afterAll(async () => {
  await emptyStore(engine, store);
  await engine.close();
});

describe('snapshots', () => {
  test('owners, modes, links and deletions are kept; what is mounted or ours is not', async () => {
    const snapshot = await snapshotAfter(`
      mkdir -p /opt/x; echo a >/opt/x/a; chown 7:8 /opt/x/a; chmod 4751 /opt/x/a; ln /opt/x/a /opt/x/hard
      ln -s a /opt/x/soft; rm /etc/os-release; echo t >/tmp/t; echo s >/dev/shm/s; echo o >>"$LOCKSTEP_OUTPUT"`);
    const look = `stat -c '%n %u:%g %a %h' /opt/x/a; readlink /opt/x/soft; ls /etc/os-release /tmp/t /dev/shm/s 2>&1; wc -c <"$LOCKSTEP_OUTPUT"`;
    expect(await outputOf(look, { snapshot: snapshot.id })).toBe(
      [
        '/opt/x/a 7:8 4751 2',
        'a',
        "ls: cannot access '/etc/os-release': No such file or directory",
        "ls: cannot access '/dev/shm/s': No such file or directory",
        '/tmp/t',
        '0',
        '',
      ].join('\n'),
    );
    const layer = await docker.createContainer({ Image: snapshot.id });
    const ours = value(
      await withSandbox({ snapshot: snapshot.id }, (sandbox) => sandbox.get('/run/lockstep/script')),
    );
    expect(ours).toBeNull();
    await layer.remove();
  });

  test('a variable of a step is in none; user, folder and variables stay the image’s', async () => {
    const image = await imageWith(
      'USER nobody\nENV FROM=image\nWORKDIR /srv\nLABEL of=image\nENTRYPOINT ["false"]',
    );
    const taken = await withSandbox({ image }, async (sandbox) => {
      await runStep(sandbox, 'true', { env: { SECRET: 'hunter2' } });
      return value(await sandbox.snapshot(store, never));
    });
    const info = await docker.getImage(taken.id).inspect();
    expect(JSON.stringify(info)).not.toContain('hunter2');
    expect(info.Config.Env).toEqual((await docker.getImage(image.id).inspect()).Config.Env);
    await withSandbox({ image, snapshot: taken.id }, async (sandbox) => {
      expect(sandbox.owner).toEqual({ uid: 65534, gid: 65534 });
      expect((await runStep(sandbox, 'id -u; echo $FROM')).stdout).toBe('65534\nimage\n');
    });
    await removed(taken.id);
    await removeImage(image);
  });

  test('it carries the store’s label, and nobody’s run', async () => {
    const { id } = await snapshotAfter('true');
    const { Labels: labels } = (await docker.getImage(id).inspect()).Config;
    expect(labels).toMatchObject({
      'dev.lockstep.store': store,
      'dev.lockstep.run': '',
      'dev.lockstep.owner': '',
    });
    const stranger = await docker.createContainer({ Image: id });
    await engine.sweep();
    expect(await stranger.inspect()).toMatchObject({ Image: id });
    await stranger.remove();
  });

  test('it says whether its maker lives, one from a bundle too; a killed one’s goes unless it is remembered', async () => {
    const run = `test-${crypto.randomUUID()}`;
    const records = memoryStore(run);
    const file = fileURLToPath(new URL('hold-snapshot.ts', import.meta.url));
    const holder = spawn(process.execPath, [file, run, records.id], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(holder.stdout, 'data')) as [Buffer];
    const [made = '', brought = ''] = line.toString().trim().split(' ');
    const makers = async () => {
      await removeAbandoned(engine, records);
      const listed = value(await engine.snapshots.list(records.id));
      return Object.fromEntries(listed.map(({ id, maker }) => [id, maker]));
    };
    expect(await makers()).toEqual({ [made]: 'alive', [brought]: 'alive' });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await records.putSnapshot({ id: brought, bytes: 1 });
    // What the dead one had of it in use goes first.
    await until('it is gone', async () => {
      await engine.sweep();
      return !(made in (await makers()));
    });
    expect(await makers()).toEqual({ [brought]: 'dead' });
    // Whoever makes one on top of it is the maker of that.
    const { id } = value(
      await withSandbox({ image: busybox, snapshot: brought }, (sandbox) =>
        sandbox.snapshot(records.id, never),
      ),
    );
    expect(await makers()).toEqual({ [brought]: 'dead', [id]: 'alive' });
    await emptyStore(engine, records.id);
  });

  test('files below a volume that the image declares are lost: such images are not for snapshots', async () => {
    const image = await imageWith('VOLUME /data');
    expect(image.hasVolumes).toBe(true);
    const { id } = await snapshotAfter('echo a >/data/a; echo b >/b', { image });
    expect(await outputOf('cat /b; ls /data', { image, snapshot: id })).toBe('b\n');
    await removed(id);
    await removeImage(image);
  });

  test('one that another stands on stays until that one is gone', async () => {
    const first = await snapshotAfter('echo a >/a');
    const second = await snapshotAfter('echo b >/b', { snapshot: first.id });
    const ids = value(await engine.snapshots.list(store)).map(({ id }) => id);
    expect(ids.indexOf(second.id)).toBeLessThan(ids.indexOf(first.id));
    expect(second.bytes).toBeGreaterThan(first.bytes);
    expect(value(await engine.snapshots.remove(first.id))).toBe(false);
    await removed(second.id);
    expect(value(await engine.snapshots.has(first.id))).toBe(true);
    await removed(first.id);
  });

  test('no more than an engine can take', async () => {
    const [top, ...below] = await layers(busybox.id, 100);
    await withSandbox({ image: busybox, snapshot: top ?? null }, async (sandbox) => {
      expect(await sandbox.snapshot(store, never)).toMatchObject({
        ok: false,
        failure: { kind: 'environment', code: 'snapshot-layers' },
      });
    });
    for (const id of [top ?? '', ...below]) await removed(id);
  });

  test('what changed holds every kind of file, whatever its name, and nothing that lies on a mount', async () => {
    const cache = { ...npm, volume: `${npm.volume}-changes`, path: '/cache' };
    await withSandbox({ caches: [cache] }, async (sandbox) => {
      const script = `mkdir -p /new/deep; echo one >/new/deep/file; echo two >>/etc/passwd; echo three >/cache/x
        ln -s four /etc/link; mkfifo /etc/pipe; echo five >"/opt/$(printf 'a\\377b')"; echo six >'/srv/<&> %2e'
        perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "/etc/socket", Listen => 1)'; chmod 700 /home`;
      expect(await runStep(sandbox, script)).toMatchObject({ exitCode: 0, stderr: '' });
      const changed = value(await sandbox.changes());
      for (const path of ['/new', '/etc/passwd', '/etc/link', '/etc/pipe', '/opt', '/srv/<&> %2e', '/home'])
        expect(changed).toContain(path);
      expect(changed.filter((path) => path.startsWith('/new/') || path.startsWith('/opt/'))).toEqual([]);
      const { id } = value(await sandbox.snapshot(store, new AbortController().signal));
      const files = value(await engine.snapshots.read(id));
      const all: Buffer[] = [];
      for (const path of changed) {
        const tar = value(await files.get(path));
        if (tar !== null) all.push(await buffer(tar));
      }
      await files.close();
      const bytes = Buffer.concat(all).toString('latin1');
      for (const text of ['one\n', 'two\n', 'four', 'five\n', 'six\n']) expect(bytes).toContain(text);
      expect(bytes).not.toContain('three\n');
    });
  });

  test('one that is read is in use, by a container that says whose it is', async () => {
    const { id } = await snapshotAfter('true');
    const files = value(await engine.snapshots.read(id));
    const label = [`dev.lockstep.run=${runId}`];
    const readers = (await docker.listContainers({ all: true, filters: { label, ancestor: [id] } })).filter(
      ({ State }) => State === 'created',
    );
    expect(readers).toHaveLength(1);
    expect(readers[0]?.Labels).toHaveProperty(['dev.lockstep.owner']);
    expect(value(await engine.snapshots.remove(id))).toBe(false);
    await engine.sweep();
    expect(value(await files.get('/etc/passwd'))?.destroy()).toBeDefined();
    await files.close();
    await removed(id);
  });

  test('one that is cut off by close leaves nothing', async () => {
    const box = await opened(engine, specFor(debian, { runId }));
    await runStep(box, 'i=0; while [ $i -lt 3000 ]; do echo x >/tmp/$i; i=$((i+1)); done');
    const cutStore = `${store}-cut`;
    const taking = box.snapshot(cutStore, never);
    await box.close();
    expect(await taking).toMatchObject({ ok: false, failure: { code: 'sandbox-died' } });
    await until('nothing is left', async () => value(await engine.snapshots.list(cutStore)).length === 0);
  });

  test('the image of one that was given up goes when it comes', async () => {
    const job = `given-up-${crypto.randomUUID()}`;
    const commits = await docker.getEvents({
      filters: { event: ['commit'], label: [`dev.lockstep.job=${job}`] },
    });
    if (!(commits instanceof Readable)) throw new TypeError('events are not a stream');
    const made = once(commits, 'data');
    await withSandbox({ job }, async (sandbox) => {
      await runStep(sandbox, 'i=0; while [ $i -lt 3000 ]; do echo x >/tmp/$i; i=$((i+1)); done');
      const stop = new AbortController();
      const taking = sandbox.snapshot(store, stop.signal);
      // By then the engine has been asked.
      await docker.ping();
      stop.abort();
      expect(await taking).toMatchObject({ ok: false, failure: { code: 'snapshot-failed' } });
      const [line] = (await made) as [Buffer];
      const event = JSON.parse(line.toString()) as { Actor: { Attributes: { imageID: string } } };
      const { imageID } = event.Actor.Attributes;
      expect(imageID).toMatch(/^sha256:/);
      await until('the image is gone', async () => !value(await engine.snapshots.has(imageID)));
    });
    commits.destroy();
  });

  test('owner and mode of the folder stay as steps left them, a new cache is the user’s', async () => {
    const cache = { ...npm, volume: `${npm.volume}-before` };
    const more = { user: 'nobody', caches: [cache] };
    const script = 'chown 0:0 /work /work/node_modules; chmod 700 /work /work/node_modules';
    const { id } = await snapshotAfter(script, more);
    const caches = [{ ...npm, volume: `${npm.volume}-after` }];
    await withSandbox({ ...more, caches, snapshot: id }, async (sandbox) => {
      const look = `stat -c '%u:%g %a' /work /work/node_modules ${npm.path}`;
      expect((await runStep(sandbox, look, { user: '0' })).stdout).toBe(
        '0:0 700\n0:0 700\n65534:65534 755\n',
      );
      expect(await runStep(sandbox, 'true')).toMatchObject({ failure: { code: 'step-not-startable' } });
    });
  });

  test('a folder that a step removed is not made again', async () => {
    const { id } = await snapshotAfter('cd /; rmdir /work');
    await withSandbox({ snapshot: id }, async (sandbox) => {
      expect(await runStep(sandbox, 'true')).toMatchObject({ failure: { code: 'step-not-startable' } });
    });
  });

  test('one of a container that somebody killed', async () => {
    const box = await opened(engine, specFor(debian, { runId, job: 'killed' }));
    const [container] = await docker.listContainers({
      filters: { label: [`dev.lockstep.run=${runId}`, 'dev.lockstep.job=killed'] },
    });
    await docker.getContainer(container?.Id ?? '').remove({ force: true });
    expect(await box.snapshot(store, never)).toMatchObject({ ok: false, failure: { code: 'sandbox-died' } });
    await box.close();
  });

  /** As many layers as asked for, the topmost first: each with a file of its own. */
  async function layers(image: string, count: number): Promise<readonly string[]> {
    const { RootFS } = await docker.getImage(image).inspect();
    const made: string[] = [];
    for (let top = image, have = RootFS.Layers?.length ?? 0; have < count; have++) {
      const container = await docker.createContainer({ Image: top, Cmd: ['true'] });
      await container.putArchive(Readable.from(await tarOf({ [`layer-${have}`]: '' })), { path: '/' });
      const committed = (await container.commit()) as { Id: string };
      await container.remove();
      made.unshift((top = committed.Id));
    }
    return made;
  }
});

describe('bundles', () => {
  test.skipIf(noSecondEngine !== null)('from one engine to another, checked there', async () => {
    await using second = await SecondEngine.start();
    const other = await dockerEngine({ runId, engine: second.address });
    const there = await imageOf(other, 'busybox:latest');
    const first = await snapshotAfter('head -c 3000000 /dev/urandom >/big; echo a >/a', { image: busybox });
    const { id } = await snapshotAfter('rm /a; echo b >/b', { image: busybox, snapshot: first.id });
    const bundle = Buffer.concat(await Array.fromAsync(value(await engine.snapshots.export(id, busybox))));
    expect(bundle.length).toBeLessThan(3_100_000);
    const load = (bytes: Buffer) => other.snapshots.import(Readable.from([bytes]), there, 'there');
    const unusable = { ok: false, failure: { kind: 'environment', code: 'snapshot-unusable' } };
    const flipped = Buffer.from(bundle);
    flipped.writeUInt8(flipped.readUInt8(2_000_000) ^ 1, 2_000_000);
    expect(await load(flipped)).toMatchObject(unusable);
    expect(await load(bundle.subarray(0, 2_000_000))).toMatchObject(unusable);
    expect(await load(Buffer.alloc(0))).toMatchObject(unusable);
    expect(value(await other.snapshots.list('there'))).toEqual([]);

    const brought = value(await load(bundle));
    expect(brought.bytes).toBeGreaterThan(3_000_000);
    expect(value(await other.snapshots.list('there'))).toMatchObject([brought]);
    expect(value(await other.snapshots.list(store))).toEqual([]);
    const look = (sandbox: Sandbox) =>
      runStep(sandbox, 'md5sum /big; ls /a 2>/dev/null; cat /b', { shell: ['sh'] });
    const here = await withSandbox({ image: busybox, snapshot: id }, look);
    expect(here.stdout).toMatch(/^[0-9a-f]{32} {2}\/big\nb\n$/);
    const same = await withSandbox({ image: there, snapshot: brought.id }, look, other);
    expect(same.stdout).toBe(here.stdout);
    await other.close();
  });

  test('of another image, on another image', async () => {
    const { id } = await snapshotAfter('echo a >/a', { image: busybox });
    const unusable = { ok: false, failure: { code: 'snapshot-unusable' } };
    expect(await engine.snapshots.export(id, debian)).toMatchObject(unusable);
    const bundle = value(await engine.snapshots.export(id, busybox));
    expect(await engine.snapshots.import(bundle, debian, store)).toMatchObject(unusable);
  });

  test('one that names what is not its own', async () => {
    const bundle = await tarOf({ 'manifest.json': '[]', 'config.json': '{}' });
    expect(await engine.snapshots.import(bundle, busybox, store)).toMatchObject({
      ok: false,
      failure: { code: 'snapshot-unusable', cause: 'it holds "manifest.json"' },
    });
  });

  test('a change that holds nothing', async () => {
    const image = await imageWith('LABEL an=other');
    const { id } = await snapshotAfter('true', { image });
    const bundle = value(await engine.snapshots.export(id, image));
    const brought = value(await engine.snapshots.import(bundle, image, store));
    expect(await outputOf('echo on', { image, snapshot: brought.id })).toBe('on\n');
    for (const one of [id, brought.id]) await removed(one);
    await removeImage(image);
  });
});

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
    await engine.sweep();
    const { Labels: labels } = await docker.getVolume(npm.volume).inspect();
    expect(labels).toEqual({ 'dev.lockstep.store': store, 'dev.lockstep.cache': 'npm' });
    const [info] = value(await engine.caches.list(store)).filter(({ volume }) => volume === npm.volume);
    expect(info).toMatchObject({ cache: 'npm', bytes: 6 });
    expect(info?.created).toBeGreaterThan(Date.now() - 600_000);
  });

  test('read and fill keep owners, modes and links, the root’s too', async () => {
    const from = { ...npm, volume: `${npm.volume}-from` };
    const to = { ...npm, volume: `${npm.volume}-to` };
    const script = `cd ${npm.path}; mkdir d; echo a >d/a; chmod 600 d/a; ln d/a h; ln -s d/a s; chown -R 7:8 .; chmod 2770 .`;
    await outputOf(script, { caches: [from] });
    const tar = value(await engine.caches.read(from.volume, busybox));
    if (tar === null) throw new Error('nothing was read');
    value(await engine.caches.fill(to, busybox, tar));
    const look = `cd ${npm.path}; stat -c '%n %u:%g %a %h %F' . d d/a h s`;
    expect(await outputOf(look, { caches: [to] })).toBe(await outputOf(look, { caches: [from] }));
    expect(await outputOf(look, { caches: [to] })).toMatch(/^\. 7:8 2770/);
  });

  test('a fill that fails leaves no volume, and no container', async () => {
    const bad = { ...npm, volume: `${npm.volume}-bad` };
    const nonsense = Readable.from([Buffer.alloc(4096, 'x')]);
    expect(await engine.caches.fill(bad, busybox, nonsense)).toMatchObject({ ok: false });
    const thrown = new Error('source');
    const thrower = Readable.from(
      (function* (): Generator<Buffer> {
        yield Buffer.alloc(2048);
        throw thrown;
      })(),
    );
    await expect(engine.caches.fill(bad, busybox, thrower)).rejects.toBe(thrown);
    expect(value(await engine.caches.read(bad.volume, busybox))).toBeNull();
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
  const stateOf = async (volume: string) => value(await engine.caches.has(volume));

  test.each([
    ['of its store', store],
    ['of its run alone', ''],
  ])('half a cache %s that a dead process left goes with a sweep', async (_, of) => {
    const { volume, containers } = await deadFill(of);
    expect([await stateOf(volume), await containers()]).toEqual(['filling', [expect.anything()]]);
    await engine.sweep();
    expect([await stateOf(volume), await containers()]).toEqual(['none', []]);
  });

  test('who fills it anew has nothing of that half', async () => {
    const { volume, containers } = await deadFill(store);
    const again = { ...npm, volume, cache: 'held' };
    value(
      await engine.caches.fill(again, busybox, Readable.from([await buffer(await tarOf({ whole: 'x' }))])),
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
    await engine.sweep();
    expect(await stateOf(cache.volume)).toBe('whole');
    await until('it can be removed', async () => value(await engine.caches.remove(cache.volume)));
  });
});

describe('what no snapshot holds', () => {
  test.each([
    ['an edit of hosts', 'echo "127.0.0.2 own" >>/etc/hosts', true],
    ['an edit of resolv.conf', 'echo "nameserver 127.0.0.2" >/etc/resolv.conf', true],
    ['an edit of hostname', 'echo own >/etc/hostname', true],
    ['emptied', 'true >/etc/hosts', true],
    ['more than any shell can hold is told at the first line that differs', 'seq 2000000 >>/etc/hosts', true],
    ['copied over', 'sed s/localhost/other/ /etc/hosts >/tmp/h && cp /tmp/h /etc/hosts', true],
    ['edited and put back', 'cp /etc/hosts /tmp/h; echo x >>/etc/hosts; cat /tmp/h >/etc/hosts', false],
    ['a removal that the engine does not let happen', 'rm -f /etc/hosts 2>/dev/null || true', false],
    ['read', 'cat /etc/hosts /etc/resolv.conf /etc/hostname', false],
    ['a name in /dev', 'echo a >/dev/thing', true],
    ['a hidden folder in /dev', 'mkdir /dev/.hidden', true],
    ['a name less in /dev', 'rm /dev/full', true],
    ['a name that went again', 'echo a >/dev/thing; rm /dev/thing', false],
    ['shared memory, emptied after the step', 'echo a >/dev/shm/a', false],
    ['a message queue', 'true >/dev/mqueue/queue', true],
    ['memory of System V', "perl -e 'shmget(42, 1024, 01600) // die'", true],
    ['a semaphore of System V', "perl -e 'semget(42, 1, 01600) // die'", true],
    ['a file next to ours', 'echo a >/run/lockstep/kept', true],
    ['ours', 'rm /run/lockstep/*; echo a >>$LOCKSTEP_OUTPUT', false],
  ])('%s', async (_, script, hostFilesChanged) => {
    await withSandbox({ network: true }, async (sandbox) => {
      expect(await runStep(sandbox, script)).toMatchObject({ exitCode: 0, hostFilesChanged });
      expect(await runStep(sandbox, 'true')).toMatchObject({ hostFilesChanged });
    });
  });

  test('a later step that puts things right', async () => {
    await withSandbox({}, async (sandbox) => {
      const edit = 'cp /etc/hosts /tmp/h; echo 127.0.0.2 own >>/etc/hosts';
      expect(await runStep(sandbox, edit)).toMatchObject({ hostFilesChanged: true });
      expect(await runStep(sandbox, 'cat /tmp/h >/etc/hosts')).toMatchObject({ hostFilesChanged: false });
      expect(await runStep(sandbox, 'true')).toMatchObject({ hostFilesChanged: false });
    });
  });
});
