// Snapshots of real containers: what they hold and lack, labels, makers, those that stand on others, faults.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { removeAbandoned } from '../../src/compose/orphans.ts';
import { memoryStore } from '../fakes/memory-store.ts';
import { until } from '../rig/engine.ts';
import { docker } from './docker-engine.ts';
import { emptyStore, value } from './reuse.ts';
import { never, opened, runStep, specFor, tarOf } from './sandbox.ts';
import {
  imageWith,
  npm,
  outputOf,
  removed,
  removeImage,
  rig,
  runId,
  snapshotAfter,
  storeForFile,
  store,
  withSandbox,
} from './docker-store.ts';

storeForFile();

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
    await rig.engine.sweep();
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
      await removeAbandoned(rig.engine, records);
      const listed = value(await rig.engine.snapshots.list(records.id));
      return Object.fromEntries(listed.map(({ id, maker }) => [id, maker]));
    };
    expect(await makers()).toEqual({ [made]: 'alive', [brought]: 'alive' });
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await records.putSnapshot({ id: brought, bytes: 1 });
    // What the dead one had of it in use goes first.
    await until('it is gone', async () => {
      await rig.engine.sweep();
      return !(made in (await makers()));
    });
    expect(await makers()).toEqual({ [brought]: 'dead' });
    // Whoever makes one on top of it is the maker of that.
    const { id } = value(
      await withSandbox({ image: rig.busybox, snapshot: brought }, (sandbox) =>
        sandbox.snapshot(records.id, never),
      ),
    );
    expect(await makers()).toEqual({ [brought]: 'dead', [id]: 'alive' });
    await emptyStore(rig.engine, records.id);
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
    const ids = value(await rig.engine.snapshots.list(store)).map(({ id }) => id);
    expect(ids.indexOf(second.id)).toBeLessThan(ids.indexOf(first.id));
    expect(second.bytes).toBeGreaterThan(first.bytes);
    expect(value(await rig.engine.snapshots.remove(first.id))).toBe(false);
    await removed(second.id);
    expect(value(await rig.engine.snapshots.has(first.id))).toBe(true);
    await removed(first.id);
  });

  // A hundred layers are made, and removed, one after another.
  test('no more than an engine can take', { timeout: 240_000 }, async () => {
    const [top, ...below] = await layers(rig.busybox.id, 100);
    await withSandbox({ image: rig.busybox, snapshot: top ?? null }, async (sandbox) => {
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
      const files = value(await rig.engine.snapshots.read(id));
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
    const files = value(await rig.engine.snapshots.read(id));
    const label = [`dev.lockstep.run=${runId}`];
    const readers = (await docker.listContainers({ all: true, filters: { label, ancestor: [id] } })).filter(
      ({ State }) => State === 'created',
    );
    expect(readers).toHaveLength(1);
    expect(readers[0]?.Labels).toHaveProperty(['dev.lockstep.owner']);
    expect(value(await rig.engine.snapshots.remove(id))).toBe(false);
    await rig.engine.sweep();
    expect(value(await files.get('/etc/passwd'))?.destroy()).toBeDefined();
    await files.close();
    await removed(id);
  });

  test('one that is cut off by close leaves nothing', async () => {
    const box = await opened(rig.engine, specFor(rig.debian, { runId }));
    await runStep(box, 'i=0; while [ $i -lt 3000 ]; do echo x >/tmp/$i; i=$((i+1)); done');
    const cutStore = `${store}-cut`;
    const taking = box.snapshot(cutStore, never);
    await box.close();
    expect(await taking).toMatchObject({ ok: false, failure: { code: 'sandbox-died' } });
    await until('nothing is left', async () => value(await rig.engine.snapshots.list(cutStore)).length === 0);
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
      await until('the image is gone', async () => !value(await rig.engine.snapshots.has(imageID)));
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
    const box = await opened(rig.engine, specFor(rig.debian, { runId, job: 'killed' }));
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
