// Snapshots as bundles: from one real engine to another, and what no engine takes in.
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import type { Sandbox } from '../../src/contract/sandbox.ts';
import { SecondEngine, noSecondEngine } from '../rig/second-engine.ts';
import { dockerEngine } from './docker-engine.ts';
import { value } from './reuse.ts';
import { imageOf, runStep, tarOf } from './sandbox.ts';
import {
  imageWith,
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

describe('bundles', () => {
  test.skipIf(noSecondEngine !== null)('from one engine to another, checked there', async () => {
    await using second = await SecondEngine.start();
    const other = await dockerEngine({ runId, engine: second.address });
    const there = await imageOf(other, 'busybox:latest');
    const first = await snapshotAfter('head -c 3000000 /dev/urandom >/big; echo a >/a', {
      image: rig.busybox,
    });
    const { id } = await snapshotAfter('rm /a; echo b >/b', { image: rig.busybox, snapshot: first.id });
    const bundle = Buffer.concat(
      await Array.fromAsync(value(await rig.engine.snapshots.export(id, rig.busybox))),
    );
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
    const here = await withSandbox({ image: rig.busybox, snapshot: id }, look);
    expect(here.stdout).toMatch(/^[0-9a-f]{32} {2}\/big\nb\n$/);
    const same = await withSandbox({ image: there, snapshot: brought.id }, look, other);
    expect(same.stdout).toBe(here.stdout);
    await other.close();
  });

  test('of another image, on another image', async () => {
    const { id } = await snapshotAfter('echo a >/a', { image: rig.busybox });
    const unusable = { ok: false, failure: { code: 'snapshot-unusable' } };
    expect(await rig.engine.snapshots.export(id, rig.debian)).toMatchObject(unusable);
    const bundle = value(await rig.engine.snapshots.export(id, rig.busybox));
    expect(await rig.engine.snapshots.import(bundle, rig.debian, store)).toMatchObject(unusable);
  });

  test('one that names what is not its own', async () => {
    const bundle = await tarOf({ 'manifest.json': '[]', 'config.json': '{}' });
    expect(await rig.engine.snapshots.import(bundle, rig.busybox, store)).toMatchObject({
      ok: false,
      failure: { code: 'snapshot-unusable', cause: 'it holds "manifest.json"' },
    });
  });

  test('a change that holds nothing', async () => {
    const image = await imageWith('LABEL an=other');
    const { id } = await snapshotAfter('true', { image });
    const bundle = value(await rig.engine.snapshots.export(id, image));
    const brought = value(await rig.engine.snapshots.import(bundle, image, store));
    expect(await outputOf('echo on', { image, snapshot: brought.id })).toBe('on\n');
    for (const one of [id, brought.id]) await removed(one);
    await removeImage(image);
  });
});
