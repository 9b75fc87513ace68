import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { renderDotenv } from '../../../providers/gitlab/dotenv.ts';
import type { Environment } from '../../../src/contract/provider.ts';
import type { RunResult } from '../../../src/model/result.ts';

type Outputs = Readonly<Record<string, Readonly<Record<string, string>>>>;

const resultOf = (outputs: Outputs): RunResult => ({
  ...{
    schema: 1,
    pipeline: null,
    platform: 'linux/amd64',
    params: {},
    source: 'sha256:0',
    status: 'success',
  },
  jobs: Object.fromEntries(
    Object.entries(outputs).map(([job, values]) => [
      job,
      { status: 'success', 'allowed-failure': false, outputs: values, artifacts: {}, steps: [] },
    ]),
  ),
});
const render = (outputs: Outputs, environment: Environment = {}) =>
  renderDotenv(environment, resultOf(outputs), 'sha256:d');

const own = 'LOCKSTEP_STATUS=success\nLOCKSTEP_DIGEST=sha256:d\n';

test('outputs are variables of one line each, under names that a shell takes', () => {
  const { text, failure } = render({
    build: { version: '1.2.3', 'image-tag': 'a b = "c" #d', empty: '' },
    'test[node=22,os=bücher]': { ok: 'ü\t€' },
  });
  expect(failure).toBeNull();
  expect(text).toBe(
    `${own}BUILD_VERSION=1.2.3\nBUILD_IMAGE_TAG=a b = "c" #d\nBUILD_EMPTY=\nTEST_NODE_22_OS_B_CHER_OK=ü\t€\n`,
  );
  expect(parseEnv(text).BUILD_VERSION).toBe('1.2.3');
});

test('a dollar sign is two, or GitLab would put a variable there', () => {
  expect(render({ a: { b: '$HOME $$ ${X}' } }).text).toBe([own, 'A_B=$$HOME $$$$ $${X}', '\n'].join(''));
});

test.each([
  [
    { a: { b_c: '1' }, a_b: { c: '2' } },
    /outputs a\.b_c and a_b\.c would be one variable of GitLab's, A_B_C/,
  ],
  [{ a: { 'x-y': '1', x_y: '2' } }, /outputs a\.x-y and a\.x_y/],
  [{ ci: { job_token: 'x' } }, /ci\.job_token would be GitLab's variable CI_JOB_TOKEN/],
  [{ lockstep: { record_key: 'x' } }, /LOCKSTEP_RECORD_KEY, which is not for outputs/],
  [{ a: { ['o'.repeat(254)]: 'x' } }, /more than 255 characters/],
  [{ a: { b: 'one\ntwo' } }, /output a\.b is no single line/],
  [{ a: { b: 'one\rtwo' } }, /a\.b/],
  [{ a: { b: ' padded' } }, /a\.b/],
  [{ a: { b: 'padded\t' } }, /a\.b/],
  [{ a: { b: 'nul\0' } }, /a\.b/],
  [{ a: { b: 'half \ud800' } }, /a\.b/],
])('what cannot be a variable is named, and no output is left: %j', (outputs: Outputs, message) => {
  const { text, failure } = render(outputs);
  expect(text).toBe(own);
  expect(failure).toMatchObject({ kind: 'environment', code: 'outputs-unfit' });
  expect(failure?.message).toMatch(message);
  expect(failure?.hint).toContain('LOCKSTEP_GITLAB_DOTENV=false');
  expect(render(outputs, { LOCKSTEP_GITLAB_DOTENV: 'False' })).toEqual({ text: own, failure: null });
});

test('a name as long as GitLab takes is taken', () => {
  expect(render({ a: { ['o'.repeat(253)]: 'x' } }).failure).toBeNull();
});

test('less than 5 KiB: one byte below and at it', () => {
  const rest = 5119 - Buffer.byteLength(`${own}A_B=\n`);
  const fits = render({ a: { b: 'x'.repeat(rest) } });
  expect(Buffer.byteLength(fits.text)).toBe(5119);
  expect(fits.failure).toBeNull();
  const over = render({ a: { b: 'x'.repeat(rest + 1) } });
  expect(over.text).toBe(own);
  expect(over.failure).toMatchObject({ kind: 'environment', code: 'outputs-too-large' });
  expect(over.failure?.message).toContain('they take 5120 bytes, and less than 5120 are allowed');
});

test.each([
  ['gitlab.com', undefined, 50],
  ['gitlab.example.org', undefined, 150],
  ['gitlab.com', '100', 100],
])('variables on %s with %s: %i', (host, wanted, most) => {
  const environment = { CI_SERVER_HOST: host, LOCKSTEP_GITLAB_DOTENV: wanted };
  const outputs = (count: number): Outputs => ({
    a: Object.fromEntries(Array.from({ length: count }, (_, at) => [`o${at}`, 'x'])),
  });
  // Two are ours.
  expect(render(outputs(most - 3), environment).failure).toBeNull();
  expect(render(outputs(most - 2), environment).failure).toBeNull();
  const { text, failure } = render(outputs(most - 1), environment);
  expect(text).toBe(own);
  expect(failure?.message).toContain(`they are ${most + 1} variables, and ${most} are allowed`);
  expect(failure?.hint).toContain(`LOCKSTEP_GITLAB_DOTENV=${most + 1}`);
});
