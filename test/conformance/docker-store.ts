// A real engine for the tests of one file, and a store of their own whose snapshots and caches go after them.
import { afterAll, beforeAll, expect } from 'vitest';
import type { CacheMount, Engine, Image, Sandbox, SandboxSpec } from '../../src/contract/sandbox.ts';
import { until } from '../rig/engine.ts';
import { busyboxWith, docker, dockerEngine } from './docker-engine.ts';
import { emptyStore, value } from './reuse.ts';
import { imageOf, never, opened, runStep, specFor } from './sandbox.ts';

export const runId = `test-${crypto.randomUUID()}`;
export const store = `test-${crypto.randomUUID()}`;
export const npm: CacheMount = {
  cache: 'npm',
  volume: `${store}-npm`,
  store,
  path: '/work/node_modules/.cache',
};

/** Filled before the tests of a file that calls `storeForFile`. */
export const rig = {} as { engine: Engine; debian: Image; busybox: Image };

export function storeForFile(): void {
  beforeAll(async () => {
    rig.engine = await dockerEngine({ runId });
    rig.debian = await imageOf(rig.engine, 'debian:bookworm-slim');
    rig.busybox = await imageOf(rig.engine, 'busybox:latest');
  });
  afterAll(async () => {
    await emptyStore(rig.engine, store);
    await rig.engine.close();
  });
}

export async function withSandbox<T>(
  more: Partial<SandboxSpec>,
  use: (sandbox: Sandbox) => Promise<T>,
  on: Engine = rig.engine,
): Promise<T> {
  const sandbox = await opened(on, specFor(rig.debian, { runId, ...more }));
  try {
    return await use(sandbox);
  } finally {
    await sandbox.close();
  }
}
/** After a script that root runs. */
export const snapshotAfter = (script: string, more: Partial<SandboxSpec> = {}) =>
  withSandbox(more, async (sandbox) => {
    expect(await runStep(sandbox, script, { user: '0' })).toMatchObject({ exitCode: 0, stderr: '' });
    return value(await sandbox.snapshot(store, never));
  });
export const outputOf = (script: string, more: Partial<SandboxSpec> = {}) =>
  withSandbox(more, async (sandbox) => (await runStep(sandbox, script, { shell: ['sh'] })).stdout);

/** An image made of busybox with other settings, e.g. `USER nobody`. */
export const imageWith = async (changes: string): Promise<Image> =>
  imageOf(rig.engine, await busyboxWith(changes));

/** A container goes a moment after `close`. */
export const removed = (id: string): Promise<void> =>
  until('a snapshot goes', async () => value(await rig.engine.snapshots.remove(id)));
export const removeImage = (image: Image): Promise<unknown> =>
  until('the image is not used any more', () =>
    docker
      .getImage(image.id)
      .remove({ force: true })
      .then(
        () => true,
        () => false,
      ),
  );
