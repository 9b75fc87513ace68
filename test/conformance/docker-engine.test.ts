// The real engine itself: losing it, over ssh, a container that dies, and leaving nothing behind.
import { hidesNothing } from '../../src/compose/redaction.ts';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { createDockerEngine } from '../../engine/docker/engine.ts';
import { docker, dockerEngine, engineOptions, socketPath } from './docker-engine.ts';
import { gatewayTo } from './engine-gateway.ts';
import { dontStop, never, opened, runStep, specFor, tarOf } from './sandbox.ts';
import { until } from '../rig/engine.ts';
import { allGone, containersOf, engineForFile, networksOf, open, rig, runId } from './docker-run.ts';

engineForFile();

describe('losing the engine', () => {
  test.skipIf(socketPath === undefined).each(['cut', 'freeze'] as const)(
    '%s: all that waits ends with engine-lost',
    async (how) => {
      const gateway = await gatewayTo(socketPath ?? '');
      try {
        const lossy = await dockerEngine({ engine: gateway.address, runId });
        const busy = await opened(lossy, specFor(rig.image, { runId }));
        const idle = await opened(lossy, specFor(rig.image, { runId }));
        const running = runStep(busy, 'echo on; sleep 600', {}, dontStop, () => gateway[how]());
        const ran = await running;
        expect(ran).toMatchObject({ failure: { kind: 'environment', code: 'engine-lost' } });
        expect(ran).not.toHaveProperty('exitCode');
        expect(lossy.lost.aborted).toBe(true);
        expect(lossy.lost.reason).toMatchObject({ code: 'engine-lost' });
        expect(await runStep(idle, 'true')).toMatchObject({
          failure: { code: 'engine-lost' },
        });
        expect(await lossy.open(specFor(rig.image))).toMatchObject({
          ok: false,
          failure: { code: 'engine-lost' },
        });
        const image_ = await lossy.image('busybox:latest', {
          platform: 'linux/amd64',
          pull: false,
          signal: never,
        });
        expect(image_).toMatchObject({ ok: false, failure: { code: 'engine-lost' } });
        expect(await idle.get('/work')).toMatchObject({
          ok: false,
          failure: { code: 'engine-lost' },
        });
        await lossy.close();
      } finally {
        await gateway.close();
      }
    },
  );

  test('no engine: every place tried is named', async () => {
    const none = await createDockerEngine(
      engineOptions({ environment: { DOCKER_HOST: 'tcp://127.0.0.1:1' } }),
    );
    expect(none).toMatchObject({
      ok: false,
      failure: {
        kind: 'environment',
        code: 'no-engine',
        cause: 'tcp://127.0.0.1:1 (DOCKER_HOST): nobody listens there',
      },
    });
  });
});

describe.skipIf(socketPath === undefined)('over ssh', () => {
  /** A folder with an `ssh` that leads to the engine of this machine, whatever host is asked for. */
  async function fakeSsh(body: string): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'lockstep-ssh-'));
    await writeFile(join(folder, 'ssh'), `#!${process.execPath}\n${body}`, { mode: 0o755 });
    return folder;
  }

  test('the user’s own ssh is asked for the engine over there', async () => {
    const path = await fakeSsh(`
      if (process.argv.slice(-4).join(' ') !== 'me@far docker system dial-stdio') process.exit(9);
      const socket = require('node:net').connect(${JSON.stringify(socketPath)});
      process.stdin.pipe(socket).pipe(process.stdout);
    `);
    const far = await dockerEngine({ environment: { DOCKER_HOST: 'ssh://me@far', PATH: path }, runId });
    expect(far.description).toMatch(/ssh:\/\/me@far/);
    const sandbox = await opened(far, specFor(rig.image, { runId }));
    expect(await runStep(sandbox, 'echo on; exit 3')).toMatchObject({ exitCode: 3, stdout: 'on\n' });
    expect(await sandbox.put(await tarOf({ 'work/a': 'text' }))).toMatchObject({ ok: true });
    expect((await runStep(sandbox, 'cat a')).stdout).toBe('text');
    await far.close();
  });

  test('what ssh complains about is in the error', async () => {
    const path = await fakeSsh(`console.error('Host key verification failed.'); process.exit(255);`);
    const far = await createDockerEngine(
      engineOptions({ environment: { DOCKER_HOST: 'ssh://far', PATH: path } }),
    );
    expect(far).toMatchObject({
      ok: false,
      failure: {
        code: 'no-engine',
        cause: expect.stringContaining('Host key verification failed.') as string,
      },
    });
  });
});

describe('a container that dies from outside', () => {
  test('between steps and in one', async () => {
    const sandbox = await open({ job: 'victim' });
    const kill = async () => {
      const [found] = (await containersOf(runId)).filter(
        (one) => one.Labels['dev.lockstep.job'] === 'victim',
      );
      await docker.getContainer(found?.Id ?? '').kill();
    };
    await kill();
    expect(await runStep(sandbox, 'true')).toMatchObject({
      failure: { kind: 'environment', code: 'sandbox-died' },
    });
    expect(await sandbox.put(await tarOf({ 'work/a': '' }))).toMatchObject({
      ok: false,
      failure: { code: 'sandbox-died' },
    });
    await sandbox.close();
  });
});

describe('leaving nothing behind', () => {
  test('a process that is killed: its container goes at once, the rest with the next sweep', async () => {
    const run = `test-${crypto.randomUUID()}`;
    const holder = spawn(
      process.execPath,
      [fileURLToPath(new URL('hold-sandbox.ts', import.meta.url)), run],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(holder.stdout, 'data');
    expect(await containersOf(run)).toHaveLength(2);
    // The owner lives: nobody's sweep may touch it.
    await rig.engine.sweep();
    expect(await containersOf(run)).toHaveLength(2);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await until('one is gone', async () => (await containersOf(run)).length === 1);
    // Another run on this machine may sweep at the same time, so how many this one removed is not told.
    await rig.engine.sweep();
    await allGone(run);
  });

  test('close removes services and network, engine.close waits for it', async () => {
    const run = `test-${crypto.randomUUID()}`;
    const other = await dockerEngine({ runId: run });
    const sandbox = await opened(other, specFor(rig.image, { runId: run, hasServices: true }));
    const service = {
      name: 'a',
      image: rig.image,
      env: {},
      command: ['sleep', '600'],
      entrypoint: null,
      ready: null,
      resources: {},
      user: null,
      privileged: false,
      secretEnv: {},
      redactor: hidesNothing,
    };
    expect(await sandbox.startServices([service], () => undefined, never)).toMatchObject({ ok: true });
    await other.close();
    expect(await containersOf(run)).toHaveLength(0);
    expect(await networksOf(run)).toHaveLength(0);
  });
});
