import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { gitlabSecrets } from '../../../providers/gitlab/secrets.ts';
import type { Environment } from '../../../src/contract/provider.ts';

let builds: string;
let job: Environment;
beforeAll(() => {
  builds = mkdtempSync(join(tmpdir(), 'lockstep-gitlab-'));
  mkdirSync(join(builds, 'app.tmp'));
  writeFileSync(join(builds, 'app.tmp/KEY'), 'line 1\nline 2\n');
  writeFileSync(join(builds, 'app.tmp/EMPTY'), '');
  writeFileSync(join(builds, 'elsewhere'), 'not this');
  job = {
    ...{ CI_PROJECT_DIR: join(builds, 'app'), CI_JOB_TOKEN: 'glcbt-64_x', HOME: '/root', PATH: '/bin' },
    ...{ TOKEN: 'a=b c\n', ID_TOKEN: 'eyJ.eyJ.x', UNSET: '', LOCKSTEP_RECORD_KEY: 'k', MY_HOME: 'h' },
    ...{ SELF: '$SELF', BRACED: '${BRACED}', DOLLAR: '$OTHER' },
    ...{ KEY: join(builds, 'app.tmp/KEY'), EMPTY: join(builds, 'app.tmp/EMPTY') },
    ...{ GONE: join(builds, 'app.tmp/GONE'), OTHER_KEY: join(builds, 'app.tmp/KEY') },
    ELSEWHERE: join(builds, 'elsewhere'),
  };
});
afterAll(() => {
  rmSync(builds, { recursive: true });
});

async function secretOf(name: string, environment = job): Promise<string | null> {
  const found = await gitlabSecrets(environment).find(name);
  if (!found.ok) return `${found.failure.code}: ${found.failure.message}`;
  if (found.value === null) return null;
  expect(found.value.from).toBe(`the CI/CD variable ${name}`);
  const value = await found.value.read(new AbortController().signal);
  return value.ok ? Buffer.from(value.value).toString() : value.failure.code;
}

test.each([
  ['TOKEN', 'a=b c\n'],
  ['token', null],
  ['ID_TOKEN', 'eyJ.eyJ.x'],
  ['CI_JOB_TOKEN', 'glcbt-64_x'],
  ['UNSET', null],
  ['NOWHERE', null],
  // What a machine sets, and the key that signs for all.
  ['HOME', null],
  ['PATH', null],
  ['MY_HOME', 'h'],
  ['LOCKSTEP_RECORD_KEY', null],
  // Text that GitLab leaves where a variable has no value.
  ['SELF', null],
  ['BRACED', null],
  ['DOLLAR', '$OTHER'],
  // Variables of type file: their content as it is.
  ['KEY', 'line 1\nline 2\n'],
  ['EMPTY', null],
  ['GONE', 'secret-unreadable: the file of the CI/CD variable GONE cannot be read'],
])('%s: %j', async (name, value) => {
  expect(await secretOf(name)).toBe(value);
});

test('a path is a value like any other unless it is the place of this very variable', async () => {
  expect(await secretOf('ELSEWHERE')).toBe(job.ELSEWHERE);
  expect(await secretOf('OTHER_KEY')).toBe(job.KEY);
  expect(await secretOf('KEY', { KEY: '.tmp/KEY' })).toBe('.tmp/KEY');
});

test.each(['toString', '__proto__', 'constructor'])('no variable is called %s', async (name) => {
  expect(await secretOf(name, Object.freeze({ ...job }))).toBe(null);
});
