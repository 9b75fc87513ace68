import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readOptions } from '../../../src/cli/options-from.ts';
import { parseSize } from '../../../src/model/size.ts';
import { inputsOf, interpolate } from '../../rig/gitlab-inputs.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const text = readFileSync(join(root, 'templates/lockstep/template.yml'), 'utf8');

type Job = Readonly<Record<string, unknown>> & { readonly script: readonly [string] };
type How = 'text' | 'values';

const jobsOf = (inputs: Readonly<Record<string, unknown>>, how: How): ReadonlyMap<string, Job> =>
  new Map(Object.entries(interpolate(text, inputs, how) as Record<string, Job>));

function jobOf(inputs: Readonly<Record<string, unknown>>, how: How): Job {
  const job = jobsOf(inputs, how).get('lockstep');
  if (job === undefined) throw new Error('there is no such job');
  return job;
}

/** The script in a shell, with a `lockstep` that shows how it was called → the words that Lockstep reads. */
function wordsOf(
  inputs: Readonly<Record<string, unknown>>,
  how: How,
  environment: Record<string, string> = {},
): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-component-'));
  writeFileSync(join(folder, 'lockstep'), '#!/bin/sh\nprintf "%s\\n" "$@" --; cat', { mode: 0o755 });
  const printed = execFileSync('sh', ['-e', '-c', jobOf(inputs, how).script[0]], {
    env: { PATH: `${folder}:${process.env.PATH ?? ''}`, ...environment },
    encoding: 'utf8',
  });
  const [called = '', lines = ''] = printed.split('--options-from\n-\n--\n');
  const options = readOptions(lines, environment);
  if (!options.ok) throw new Error(options.failure.message);
  return [...called.trim().split('\n'), ...options.value];
}

const always = ['--exit-code-allowed-failure', '75'];

describe.each(['text', 'values'] as const)('blocks replaced in the %s', (how) => {
  test('no inputs', () => {
    expect(wordsOf({}, how)).toEqual(['run', ...always]);
  });

  test('all inputs, whatever is in them', () => {
    const odd = `"'\`$(touch x)\${x} \\ #{y} ü\n$$; [`;
    const inputs = {
      ...{
        file: `a b/'$(id)".yml`,
        jobs: ['unit', 'test[os=a]'],
        params: [`a=${odd}`, 'tag=$CI_COMMIT_TAG'],
      },
      ...{ allow: ['fork-secrets'], args: ['--pull', '--result', 'r s.json'], reuse: 'none', parallel: 3 },
    };
    expect(wordsOf(inputs, how, { CI_COMMIT_TAG: `v1", "x` })).toEqual([
      ...['run', '--no-reuse', '--parallel=3', ...always, 'unit', 'test[os=a]', `--file=a b/'$(id)".yml`],
      ...[
        `--param=a=${odd.replace('${x}', '').replace('$$', '$')}`,
        `--param=tag=v1", "x`,
        '--allow=fork-secrets',
      ],
      ...['--pull', '--result', 'r s.json'],
    ]);
  });

  test('fresh', () => {
    expect(wordsOf({ reuse: 'fresh' }, how)).toEqual(['run', '--fresh', ...always]);
  });

  test('values that are no texts stay what they are', () => {
    const inputs = {
      tags: ['a'],
      rules: [{ if: '$X == "y"' }],
      'allow-failure-codes': [1, 75],
      dotenv: false,
    };
    expect(jobOf(inputs, how)).toMatchObject({
      ...{ tags: ['a'], rules: [{ if: '$X == "y"' }], allow_failure: { exit_codes: [1, 75] } },
      extends: ['.lockstep:engine:auto', '.lockstep:dotenv:false'],
    });
  });

  test.each(['auto', 'dind', 'socket'])('the engine %s has its job to extend', (engine) => {
    const jobs = jobsOf({ engine, 'job-name': 'a b' }, how);
    const needed = jobs.get('a b')?.extends;
    expect(needed).toHaveLength(2);
    expect([...jobs.keys()]).toEqual(expect.arrayContaining(needed as string[]));
  });
});

test('every input is explained, in the file and in docs/gitlab.md, and has a default', () => {
  const docs = readFileSync(join(root, 'docs/gitlab.md'), 'utf8');
  for (const [name, input] of Object.entries(inputsOf(text))) {
    expect(input, name).toMatchObject({ description: expect.stringMatching(/^[a-zA-Z0-9$].*\.$/) as string });
    expect(Object.keys(input), name).toContain('default');
    expect(docs).toContain(`| \`${name}\``);
  }
});

test.each(['lockstep', 'lockstep-fan-out'])(
  'nothing in an input ends the lines that %s gives Lockstep',
  (name) => {
    const [file = '', body = ''] = readFileSync(join(root, `templates/${name}/template.yml`), 'utf8').split(
      /^---$/m,
    );
    const lines = /<<'LOCKSTEP'\n(.*?)\n *LOCKSTEP\n/s.exec(body)?.[1] ?? '';
    const inputs = inputsOf(file);
    const used = [...lines.matchAll(/inputs\.([\w-]+)/g)].map(([, input = '']) => input);
    expect(used).toContain('params');
    for (const input of used) {
      const { type = 'string', options, regex } = inputs[input] ?? {};
      // A list is written in one line; a text is what it is.
      if (type === 'string' && options === undefined) expect(regex, input).toBe('^[^\\r\\n]*$');
    }
  },
);

test.each(['lockstep', 'lockstep-fan-out'])(
  '%s takes as a limit of the log what Lockstep can read',
  (name) => {
    const inputs = inputsOf(readFileSync(join(root, `templates/${name}/template.yml`), 'utf8'));
    const taken = new RegExp(String(inputs['log-limit']?.regex));
    for (const text of ['16MiB', '1.5g', '512k', '10000b', '16', '16MB', '16 MiB', 'a16MiB', '16MiB\n'])
      expect(taken.test(text), text).toBe(parseSize(text) !== null);
    expect(taken.test('')).toBe(true);
  },
);
