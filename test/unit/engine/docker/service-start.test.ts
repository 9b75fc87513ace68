import { expect, test } from 'vitest';
import { type ImageStart, secretStart } from '../../../../engine/docker/service-start.ts';
import { hidesNothing } from '../../../../src/compose/redaction.ts';
import type { ServiceSpec } from '../../../../src/contract/sandbox.ts';

const image = { reference: 'db:1', id: 'sha256:1', digest: 'sha256:1', published: true, hasVolumes: false };
const spec = (more: Partial<ServiceSpec>): ServiceSpec => ({
  name: 'db',
  image,
  env: {},
  command: null,
  entrypoint: null,
  ready: null,
  resources: {},
  user: null,
  privileged: false,
  secretEnv: { TOKEN: `it's` },
  redactor: hidesNothing,
  ...more,
});
const config = (more: Partial<ImageStart>): ImageStart => ({
  Cmd: [],
  Entrypoint: undefined,
  Env: [],
  ...more,
});
const own = config({ Entrypoint: ['entry'], Cmd: ['a', 'b'] });
const wordsOf = (more: Partial<ServiceSpec>, start: ImageStart) => {
  const made = secretStart(spec(more), start);
  return made.ok ? made.value.options.Cmd : made.failure.message;
};

test.each<[string, Partial<ServiceSpec>, ImageStart, readonly string[] | string]>([
  ['the image’s', {}, own, ['entry', 'a', 'b']],
  ['a command of its own', { command: ['c'] }, own, ['entry', 'c']],
  ['an entrypoint of its own', { entrypoint: ['e'] }, own, ['e']],
  ['both of its own', { entrypoint: ['e'], command: ['c'] }, own, ['e', 'c']],
  ['an entrypoint taken away', { entrypoint: [] }, own, ['a', 'b']],
  ['none at all', {}, config({}), 'the service db has no command, nor has its image'],
  [
    'variables that shells would lose',
    { env: { 'a.b': '1 2', PLAIN: '3' } },
    config({ Cmd: ['c'], Env: ['PATH=/bin', 'x-y=z=1'] }),
    ['env', '--', 'x-y=z=1', 'a.b=1 2', 'c'],
  ],
])('words: %s', (_, more, start, words) => {
  expect(wordsOf(more, start)).toEqual(words);
});

test('the secret is in the text for stdin alone', () => {
  const made = secretStart(spec({}), own);
  if (!made.ok) throw new Error(made.failure.message);
  expect(made.value.text).toContain(String.raw`export TOKEN='it'\''s'`);
  expect(JSON.stringify(made.value.options)).not.toContain('TOKEN');
});

test.each([['UID'], ['a.b'], ['']])('the name %j is refused', (name) => {
  expect(wordsOf({ secretEnv: { [name]: 'x' } }, own)).toContain('no shell can set the variable');
});
test('a value that no program takes is refused, and is not in the message', () => {
  expect(wordsOf({ secretEnv: { A: 'hunter2\0' } }, own)).toMatch(/^(?!.*hunter2).*cannot be passed/);
});
