// Images by a real engine: those that no registry has, registries that refuse or are not there, platforms.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { docker } from './docker-engine.ts';
import { never } from './sandbox.ts';
import { engineForFile, rig } from './docker-run.ts';

engineForFile();

describe('images', () => {
  const request = { platform: 'linux/amd64', pull: false, signal: never } as const;

  /** A registry that answers manifests with this status and code. */
  async function registry(status: number, code: string) {
    const asked: string[] = [];
    const server = createServer((incoming, answer) => {
      asked.push(incoming.url ?? '');
      if (incoming.url === '/v2/') return void answer.writeHead(200).end('{}');
      setTimeout(
        () =>
          answer
            .writeHead(status, { 'content-type': 'application/json' })
            .end(JSON.stringify({ errors: [{ code, message: code }] })),
        50,
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      name: `127.0.0.1:${(server.address() as AddressInfo).port}/x/y:1`,
      asked,
      [Symbol.dispose]: () => server.close(),
    };
  }

  test('one that no registry has', async () => {
    using from = await registry(404, 'MANIFEST_UNKNOWN');
    expect(await rig.engine.image(from.name, request)).toMatchObject({
      ok: false,
      failure: { kind: 'environment', code: 'image-not-found' },
    });
  });

  test('one that needs credentials', async () => {
    using from = await registry(401, 'UNAUTHORIZED');
    expect(await rig.engine.image(from.name, request)).toMatchObject({
      ok: false,
      failure: { code: 'image-not-found' },
    });
  });

  test('two that ask at once pull once', async () => {
    using from = await registry(404, 'MANIFEST_UNKNOWN');
    await rig.engine.image(from.name, request);
    const alone = from.asked.length;
    await Promise.all([rig.engine.image(from.name, request), rig.engine.image(from.name, request)]);
    expect(from.asked.length).toBe(2 * alone);
  });

  test('a registry that nobody runs', async () => {
    expect(await rig.engine.image('127.0.0.1:1/x/y:1', request)).toMatchObject({
      ok: false,
      failure: {
        kind: 'environment',
        code: 'registry-unreachable',
        cause: expect.stringContaining('refused') as string,
      },
    });
  });

  test('a name that is none', async () => {
    expect(await rig.engine.image('UPPER CASE', request)).toMatchObject({
      ok: false,
      failure: { kind: 'environment', code: 'image-not-found' },
    });
  });

  test('a platform that the image is not for', async () => {
    using from = await registry(404, 'MANIFEST_UNKNOWN');
    await docker.getImage('busybox:latest').tag({ repo: from.name.slice(0, -2), tag: '1' });
    try {
      expect(await rig.engine.image(from.name, request)).toMatchObject({ ok: true });
      const other = await rig.engine.image(from.name, { ...request, platform: 'linux/arm64' });
      expect(other).toMatchObject({ ok: false, failure: { code: 'image-platform' } });
    } finally {
      await docker.getImage(from.name).remove();
    }
  });

  test('who is cancelled does not wait for the pull', async () => {
    using from = await registry(404, 'MANIFEST_UNKNOWN');
    const cancelled = await rig.engine.image(from.name, { ...request, signal: AbortSignal.abort() });
    expect(cancelled).toMatchObject({ ok: false, failure: { code: 'cancelled' } });
  });
});
