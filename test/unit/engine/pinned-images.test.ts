import { describe, expect, test } from 'vitest';
import { pinImages, type PinnedImagesOptions } from '../../../engine/pinned-images.ts';
import type { Image } from '../../../src/contract/sandbox.ts';
import { fail, ok, type Outcome } from '../../../src/model/failure.ts';
import { digestFor, scriptedEngine, type EngineScript } from '../../fakes/scripted-engine.ts';

const never = new AbortController().signal;
const digest = `sha256:${'a'.repeat(64)}`;
const pins = new Map([['r.example/x:1', digest]]);

/** The images of a run, what was said to the engine and what was noticed. */
function rig(
  options: Partial<PinnedImagesOptions> = {},
  image?: EngineScript['image'],
  registryDigest?: EngineScript['registryDigest'],
) {
  const engine = scriptedEngine({ ...(image && { image }), ...(registryDigest && { registryDigest }) });
  const notices: string[] = [];
  const images = pinImages({
    pins,
    platform: 'linux/amd64',
    pull: false,
    onCi: false,
    engine: () => Promise.resolve(ok(engine)),
    notice: (code, message) => notices.push(`${code}: ${message}`),
    ...options,
  });
  return { images, calls: engine.calls, notices };
}

const local = (reference: string): Outcome<Image> => {
  const id = digestFor(reference);
  return ok({ reference, id, digest: id, published: false, hasVolumes: false });
};

describe('pinned by the lock file', () => {
  test('the digest is known without the engine', async () => {
    const noEngine = () => Promise.reject(new Error('asked the engine'));
    const { images } = rig({ engine: noEngine });
    expect(await images.digest('r.example/x:1', never)).toEqual(ok(digest));
    expect(await images.digest(`other@${digest}`, never)).toEqual(ok(digest));
  });

  test('the image is found by it, whatever the tag means and --pull says', async () => {
    const { images, calls } = rig({ pull: true });
    const image = await images.image('r.example/x:1', never);
    expect(image).toMatchObject({ ok: true, value: { reference: 'r.example/x:1', digest } });
    expect(calls).toEqual([`image r.example/x@${digest}`]);
  });

  test('another image than the lock file says is refused', async () => {
    const { images } = rig({}, (reference) => local(reference));
    expect(await images.image('r.example/x:1', never)).toMatchObject({
      ok: false,
      failure: {
        kind: 'environment',
        code: 'image-digest',
        message: expect.stringContaining(digest) as string,
      },
    });
  });

  test.each(['image-not-found', 'image-platform'])('%s is told in words of the lock file', async (code) => {
    const { images } = rig({}, (reference) => ({
      ok: false,
      failure: { kind: 'environment', code, message: `no ${reference}`, cause: 'manifest unknown' },
    }));
    expect(await images.image('r.example/x:1', never)).toEqual({
      ok: false,
      failure: {
        kind: 'environment',
        code,
        message: expect.stringContaining(`lockstep.lock pins r.example/x:1 to ${digest}`) as string,
        hint: 'to pin what the registry has now: lockstep lock --update r.example/x:1',
        cause: 'manifest unknown',
      },
    });
  });

  test('other failures stay as they are', async () => {
    const failure = fail('environment', 'registry-unreachable', 'away');
    const { images } = rig({}, () => failure);
    expect(await images.image('r.example/x:1', never)).toEqual(failure);
  });
});

describe('not pinned', () => {
  test('without a lock file the engine decides', async () => {
    const { images, calls, notices } = rig({ pins: null, onCi: true });
    expect(await images.digest('y:1', never)).toEqual(ok(digestFor('y:1')));
    expect(await images.missing(['y:1'], never)).toBeNull();
    expect([calls, notices]).toEqual([['image y:1'], []]);
  });

  const missing = fail('environment', 'image-not-found', 'not here');
  const served = `sha256:${'b'.repeat(64)}`;

  test('what the engine has not got is not pulled for its digest, which then holds though the tag moves', async () => {
    const pulls = [served, `sha256:${'c'.repeat(64)}`];
    for (const pulled of pulls) {
      const asked: string[] = [];
      const { images } = rig(
        { pins: null },
        (reference) => {
          asked.push(reference);
          if (asked.length === 1) return missing;
          const digest = reference.includes('@') ? served : pulled;
          return ok({ reference, id: digest, digest, published: true, hasVolumes: false });
        },
        () => ok(served),
      );
      expect(await images.digest('y:1', never)).toEqual(ok(served));
      expect(await images.digest('y:1', never)).toEqual(ok(served));
      expect(asked).toEqual(['y:1']);
      expect(await images.image('y:1', never)).toMatchObject({ ok: true, value: { digest: served } });
      expect(asked.slice(1)).toEqual(pulled === served ? ['y:1'] : ['y:1', `y@${served}`]);
    }
  });

  test.each([
    ['does not answer', fail('environment', 'registry-unreachable', 'away')],
    ['does not serve it', ok(null)],
  ])('a registry that %s leaves it to the engine', async (_, answer) => {
    let asked = 0;
    const { images } = rig(
      { pins: null },
      (reference) => ((asked += 1) === 1 ? missing : local(reference)),
      () => answer,
    );
    expect(await images.digest('y:1', never)).toEqual(ok(digestFor('y:1')));
  });

  test('on a laptop it is used, with one notice', async () => {
    const { images, notices } = rig();
    expect(await images.image('y:1', never)).toMatchObject({ ok: true });
    expect(await images.digest('y:1', never)).toMatchObject({ ok: true });
    expect(await images.missing(['y:1'], never)).toBeNull();
    expect(notices).toEqual([
      'image-not-locked: lockstep.lock does not pin y:1; add what is missing: lockstep lock',
    ]);
  });

  test('on CI it ends the job, or the run before it begins', async () => {
    const { images, notices } = rig({ onCi: true });
    expect(await images.image('y:1', never)).toMatchObject({
      ok: false,
      failure: { kind: 'pipeline', code: 'image-not-locked', hint: 'add what is missing: lockstep lock' },
    });
    expect(await images.digest('y:1', never)).toMatchObject({ ok: false });
    expect(await images.missing(['y:1', 'r.example/x:1', `n@${digest}`, 'z', 'y:1'], never)).toMatchObject({
      kind: 'usage',
      code: 'image-not-locked',
      message: 'lockstep.lock does not pin y:1, z',
    });
    expect(notices).toEqual([]);
  });

  test('one that no registry serves is no missing entry', async () => {
    const { images, notices } = rig({ onCi: true }, local);
    expect(await images.missing(['made-here'], never)).toBeNull();
    expect(await images.digest('made-here', never)).toEqual(ok(digestFor('made-here')));
    expect(notices).toEqual([]);
  });

  test('one that is not found is for its job to tell', async () => {
    const failure = fail('environment', 'image-not-found', 'there is no image y');
    const { images } = rig({ onCi: true }, () => failure);
    expect(await images.missing(['y'], never)).toBeNull();
    expect(await images.image('y', never)).toEqual(failure);
  });

  test('it stays the same image to the end of the run, though its tag moves', async () => {
    const asked: string[] = [];
    const { images } = rig({ pins: null, pull: true }, (reference) => {
      asked.push(reference);
      return asked.length === 1
        ? ok({ reference, id: 'sha256:1', digest, published: true, hasVolumes: true })
        : ok({ reference, id: 'sha256:1', digest, published: true, hasVolumes: true });
    });
    await images.digest('y:1', never);
    expect(await images.image('y:1', never)).toMatchObject({
      ok: true,
      value: { reference: 'y:1', digest, hasVolumes: true },
    });
    expect(asked).toEqual(['y:1', `y@${digest}`]);
  });

  test('one that was made here is found again by its id', async () => {
    const { images, calls } = rig({ pins: null }, local);
    await images.image('made-here:1', never);
    await images.image('made-here:1', never);
    expect(calls).toEqual(['image made-here:1', `image ${digestFor('made-here:1')}`]);
  });

  test('a failure is not remembered', async () => {
    let tries = 0;
    const { images } = rig({ pins: null }, (reference) => {
      tries += 1;
      return tries === 1 ? fail('environment', 'registry-unreachable', 'away') : local(reference);
    });
    expect(await images.image('y', never)).toMatchObject({ ok: false });
    expect(await images.image('y', never)).toMatchObject({ ok: true });
  });

  test('two jobs that ask at once get one image', async () => {
    let answers = 0;
    const { images } = rig({ pins: null }, (reference) => {
      answers += 1;
      const id = `sha256:${answers}`;
      return ok({ reference, id, digest: id, published: false, hasVolumes: false });
    });
    const [one, two] = await Promise.all([images.image('y', never), images.image('y', never)]);
    expect(one).toEqual(two);
  });
});

test('no engine is a failure of whoever must ask it', async () => {
  const none = fail('environment', 'no-engine', 'none answers');
  const { images } = rig({ engine: () => Promise.resolve(none), onCi: true });
  expect(await images.image('r.example/x:1', never)).toEqual(none);
  expect(await images.missing(['y'], never)).toBeNull();
});
