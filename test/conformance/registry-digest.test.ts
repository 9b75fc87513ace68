// Runs the contract of `registryDigest` for Docker with a real registry, and for the scripted fake.
import { expect, test } from 'vitest';
import { fail, ok } from '../../src/model/failure.ts';
import { digestFor, scriptedEngine } from '../fakes/scripted-engine.ts';
import { docker as cli } from '../rig/engine.ts';
import { Registry } from '../rig/registry.ts';
import { startSilentRegistry } from '../rig/silent-registry.ts';
import { docker, dockerEngine } from './docker-engine.ts';
import { registryDigestContract } from './registry-digest.ts';

const never = new AbortController().signal;

registryDigestContract('Docker', async () => {
  const registry = await Registry.start();
  const engine = await dockerEngine();
  const reference = `${registry.address}/lock/box:1`;
  cli('tag', 'busybox:latest', reference);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(cli('push', reference))?.[1] ?? '';
  return {
    engine,
    served: { reference, digest },
    unserved: `${registry.address}/lock/none:1`,
    away: '127.0.0.1:1/x/y:1',
    async [Symbol.asyncDispose]() {
      cli('rmi', reference);
      await engine.close();
      await registry[Symbol.asyncDispose]();
    },
  };
});

registryDigestContract('scripted', () =>
  Promise.resolve({
    engine: scriptedEngine({
      registryDigest: (reference) => {
        if (reference === 'none:1') return ok(null);
        if (reference === 'away:1') return fail('environment', 'registry-unreachable', 'away');
        return ok(digestFor('box:1'));
      },
    }),
    served: { reference: 'box:1', digest: digestFor('box:1') },
    unserved: 'none:1',
    away: 'away:1',
    [Symbol.asyncDispose]: () => Promise.resolve(),
  }),
);

test('Docker: asking pulls nothing, and what is pulled is known as published', async () => {
  await using registry = await Registry.start();
  const engine = await dockerEngine();
  const reference = `${registry.address}/lock/other:1`;
  const find = () => engine.image(reference, { platform: 'linux/amd64', pull: false, signal: never });
  const container = await docker.createContainer({ Image: 'busybox:latest' });
  try {
    await container.commit({ changes: 'VOLUME /data', repo: reference.slice(0, -2), tag: '1' });
    const made = await find();
    expect(made).toMatchObject({ ok: true, value: { published: false, hasVolumes: true } });
    expect(made.ok && made.value.digest === made.value.id).toBe(true);

    const digest = /digest: (sha256:[0-9a-f]{64})/.exec(cli('push', reference))?.[1];
    expect(await find()).toMatchObject({ ok: true, value: { published: true, digest } });
    cli('rmi', reference);
    expect(await engine.registryDigest(reference, never)).toEqual({ ok: true, value: digest });
    await expect(docker.getImage(reference).inspect()).rejects.toThrow(/no such image/i);

    const pinned = `${reference.slice(0, -2)}@${digest ?? ''}`;
    const pulled = await engine.image(pinned, { platform: 'linux/amd64', pull: false, signal: never });
    expect(pulled).toMatchObject({ ok: true, value: { reference: pinned, digest, published: true } });
    const box = await engine.image('busybox:latest', { platform: 'linux/amd64', pull: false, signal: never });
    expect(box).toMatchObject({ ok: true, value: { hasVolumes: false } });
    cli('rmi', pinned);
  } finally {
    await container.remove();
    await engine.close();
  }
});

test('Docker: a registry that never answers, and a name that is none', async () => {
  await using silent = await startSilentRegistry();
  const engine = await dockerEngine();
  try {
    expect(await engine.registryDigest('UPPER CASE', never)).toMatchObject({
      ok: false,
      failure: { code: 'image-not-found' },
    });
    const leaving = new AbortController();
    const cancelled = engine.registryDigest(`${silent.address}/x/y:1`, leaving.signal);
    await silent.asked;
    leaving.abort();
    expect(await cancelled).toMatchObject({ ok: false, failure: { code: 'cancelled' } });
    expect(await engine.registryDigest(`${silent.address}/x/y:1`, never)).toMatchObject({
      ok: false,
      failure: { kind: 'environment', code: 'registry-unreachable' },
    });
  } finally {
    await engine.close();
  }
});
