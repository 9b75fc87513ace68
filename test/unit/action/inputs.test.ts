import { describe, expect, test } from 'vitest';
import { readInputs } from '../../../src/action/inputs.ts';
import { splitWords } from '../../../src/action/words.ts';

const given = (inputs: Readonly<Record<string, string>>) =>
  readInputs(
    Object.fromEntries(Object.entries(inputs).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value])),
  );

test('nothing given is a run of every job where the workspace is', () => {
  expect(given({ file: '', jobs: '  ', cache: 'true', reuse: 'true' })).toEqual({
    argv: ['run'],
    ...{ directory: '.', file: 'lockstep.yml' },
  });
});

test('every input has its words', () => {
  expect(
    given({
      ...{ file: 'ci/lockstep.yml', jobs: 'build, test[os=a, node=22]\nlint', 'working-directory': 'app' },
      ...{
        params: 'a=1\n\n b=two words = x \r\n',
        reuse: 'fresh',
        parallel: '8',
        allow: 'privileged fork-secrets',
      },
      args: `--no-needs --from 'a b' "c\\"d" e\\ f`,
    }),
  ).toEqual({
    argv: [
      ...[
        'run',
        'build',
        'test[os=a, node=22]',
        'lint',
        '--file',
        'ci/lockstep.yml',
        '--param',
        'a=1',
        '--param',
        'b=two words = x',
        '--fresh',
      ],
      ...['--parallel', '8', '--allow', 'privileged', '--allow', 'fork-secrets'],
      ...['--no-needs', '--from', 'a b', 'c"d', 'e f'],
    ],
    ...{ directory: 'app', file: 'ci/lockstep.yml' },
  });
  expect(given({ reuse: 'FALSE' })).toMatchObject({ argv: ['run', '--no-reuse'] });
});

test('merge takes folders and jobs, and nothing that only a run knows', () => {
  expect(given({ command: 'merge', args: 'a b', reuse: 'true' })).toMatchObject({
    argv: ['merge', 'a', 'b'],
  });
  expect(given({ command: 'merge', args: 'a b', jobs: 'x y' })).toMatchObject({
    argv: ['merge', 'a', 'b', '--job', 'x', 'y'],
  });
  for (const inputs of [{ command: 'merge', params: 'a=1' }, { command: 'plan' }])
    expect(given(inputs)).toMatchObject({ problems: [{ input: 'command', code: 'invalid-input' }] });
});

test('all problems come at once, each with its input', () => {
  const read = given({
    ...{
      jobs: '--json',
      params: 'a=1\nb',
      reuse: 'no',
      parallel: '0',
      allow: 'root',
      args: `'open`,
      cache: 'yes',
    },
  });
  expect(
    'problems' in read && read.problems.map(({ input, code, message }) => `${input} ${code} ${message}`),
  ).toEqual([
    "jobs invalid-input '--json' is no name of a job",
    "params invalid-input expected NAME=VALUE on each line, found 'b'",
    "reuse invalid-input expected true, false or fresh, found 'no'",
    "parallel invalid-input expected a whole number from 1 to 1000, found '0'",
    "allow invalid-input 'root' is nothing that can be allowed",
    "args invalid-input a quote is left open: 'open",
    "cache invalid-input expected true or false, found 'yes'",
  ]);
});

describe('words', () => {
  test.each([
    ['', []],
    [' a  b\n', ['a', 'b']],
    [`--x='1 2' ""`, ['--x=1 2', '']],
    [`"$A\\$" '\\n'`, ['$A$', '\\n']],
    [`a'b'"c"\\ d`, ['abc d']],
  ])('%j', (text, words) => {
    expect(splitWords(text)).toEqual({ ok: true, value: words });
  });
  test.each([`'a`, `"a\\"`, 'a\\'])('%j is left open', (text) => {
    expect(splitWords(text)).toMatchObject({ ok: false, failure: { code: 'invalid-input' } });
  });
});
