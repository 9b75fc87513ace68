import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fillIn, readOptions } from '../../../src/cli/options-from.ts';

const environment = { TAG: 'v1', ODD: `"] --x '$(id)`, FLAG: '--allow=privileged' };

test.each([
  ['--file a b.yml', ['--file=a b.yml']],
  ['  --file x  \r', ['--file=x']],
  ['--file', []],
  ['--file ', []],
  ['', []],
  ['--param []', []],
  ['--param ["a=1", "b=2 3"]', ['--param=a=1', '--param=b=2 3']],
  [`--param ["a=\\"'\\\\\`$(id); #"]`, [`--param=a="'\\\`$(id); #`]],
  ['["test[os=a]", 1, true]', ['test[os=a]', '1', 'true']],
  ['unit', ['unit']],
  [
    '--param ["v=$TAG", "w=${TAG}x", "y=$$TAG", "z=$GONE."]',
    ['--param=v=v1', '--param=w=v1x', '--param=y=$TAG', '--param=z=.'],
  ],
  // What a variable holds is never read as more words.
  ['--param ["o=$ODD"]', [`--param=o="] --x '$(id)`]],
  ['--param ["o=$FLAG"]', ['--param=o=--allow=privileged']],
  // No names of variables, and one that every object has.
  ['--param ["a=$5 ${1}", "b=$constructor."]', ['--param=a=$5 ${1}', '--param=b=.']],
  // Ruby's own way to write a list.
  ['--param ["a=\\#{b}", "c=\\\\#d"]', ['--param=a=#{b}', '--param=c=\\#d']],
  ['a\nb', ['a', 'b']],
])('%j', (text, words) => {
  expect(readOptions(text, environment)).toEqual({ ok: true, value: words });
});

test.each(['--param ["a"', '--param [{}]', 'x\n--param [null]', '--param [["a"]]'])('%j is none', (text) => {
  const line = text.split('\n').length;
  expect(readOptions(text, {})).toMatchObject({
    ok: false,
    failure: {
      kind: 'usage',
      code: 'options-file',
      message: expect.stringContaining(`line ${line}: expected a JSON list`) as string,
    },
  });
});

test.each(['["a", "$FLAG"]', '${FLAG}'])('no variable makes an option of %s', (text) => {
  expect(readOptions(text, environment)).toMatchObject({
    ok: false,
    failure: { message: expect.stringMatching(/^line 1: .*FLAG.* begins with -/) as string },
  });
});

test('they take the place of the option', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'lockstep-options-')), 'options');
  writeFileSync(file, '--param ["a=1"]\n["unit"]');
  const whole = ['run', '--param=a=1', 'unit', '--json'];
  expect(await fillIn(['run', '--options-from', file, '--json'], {})).toEqual({ ok: true, value: whole });
  expect(await fillIn(['run', `--options-from=${file}`, '--json'], {})).toEqual({ ok: true, value: whole });
  expect(await fillIn(['run', '--json'], {})).toEqual({ ok: true, value: ['run', '--json'] });
});

test('a second one is not passed over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-options-'));
  const [file, other] = [join(folder, 'options'), join(folder, 'other')];
  writeFileSync(file, '["unit"]');
  writeFileSync(other, `--options-from ${file}`);
  const refused = { ok: false, failure: { code: 'options-file' } };
  expect(await fillIn(['run', '--options-from', file, `--options-from=${file}`], {})).toMatchObject(refused);
  expect(await fillIn(['run', '--options-from', other], {})).toMatchObject(refused);
});

test.each([[['--options-from']], [['--options-from', '/no/such/file']]])('%j', async (argv) => {
  expect(await fillIn(argv, {})).toMatchObject({ ok: false, failure: { code: 'options-file' } });
});
