import { expect, test } from 'vitest';
import { askRegistries } from '../../../engine/registry-digests.ts';
import { fail, ok } from '../../../src/model/failure.ts';
import { digestFor, scriptedEngine } from '../../fakes/scripted-engine.ts';

const never = new AbortController().signal;
const ask = (engine: ReturnType<typeof scriptedEngine>, references: readonly string[]) =>
  askRegistries(engine, references, 'linux/amd64', never);

test('each registry is asked, and nothing is pulled', async () => {
  const engine = scriptedEngine();
  const { digests, unserved, failures } = await ask(engine, ['a', 'b', 'c', 'd', 'e']);
  expect(Object.fromEntries(digests)).toMatchObject({ a: digestFor('a'), e: digestFor('e') });
  expect([digests.size, unserved, failures]).toEqual([5, [], []]);
  expect(engine.calls.every((call) => call.startsWith('registry '))).toBe(true);
});

test('what no registry serves: made here, once pulled, or nowhere at all', async () => {
  const image = { id: digestFor('1'), digest: digestFor('1'), hasVolumes: false };
  const engine = scriptedEngine({
    registryDigest: () => ok(null),
    image: (reference) =>
      reference === 'nowhere'
        ? fail('environment', 'image-not-found', 'there is no image nowhere', { hint: 'check its name' })
        : ok({ ...image, reference, published: reference === 'pulled' }),
  });
  const { digests, unserved, failures } = await ask(engine, ['made', 'pulled', 'nowhere']);
  expect([digests.size, unserved]).toEqual([0, ['made']]);
  expect(failures).toEqual([
    expect.objectContaining({ kind: 'environment', code: 'image-not-found' }),
    expect.objectContaining({ kind: 'usage', code: 'image-not-found', hint: 'check its name' }),
  ]);
});

test('all failures are told', async () => {
  const away = fail('environment', 'registry-unreachable', 'away');
  const engine = scriptedEngine({ registryDigest: (one) => (one === 'b' ? ok(digestFor(one)) : away) });
  expect((await ask(engine, ['a', 'b', 'c'])).failures).toEqual([away.failure, away.failure]);
});

test('an engine that is lost', async () => {
  const engine = scriptedEngine();
  engine.lose();
  expect((await ask(engine, ['a'])).failures).toMatchObject([{ code: 'engine-lost' }]);
});
