import { expect, it } from 'vitest';
import { newKeysText, openRecordKeys } from '../../../providers/gitlab/record-keys.ts';
import { recordRights } from '../../../providers/gitlab/record-rights.ts';
import { packageName, sealedVersion, unseal } from '../../../providers/gitlab/record-seal.ts';

const job = { CI_JOB_TOKEN: 't', CI_API_V4_URL: 'https://gitlab.example.com/api/v4', CI_PROJECT_ID: '7' };
const onProtected = { ...job, CI_COMMIT_REF_PROTECTED: 'true' };
const variablesIn = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name, value]) => [name ?? '', value ?? '']),
  );

it('the lines to copy are a pair that works, each time another one, and each can be masked', () => {
  const text = newKeysText();
  const variables = variablesIn(text);
  expect(Object.keys(variables)).toEqual(['LOCKSTEP_RECORD_KEY', 'LOCKSTEP_RECORD_PUBLIC_KEY']);
  for (const value of Object.values(variables)) expect(value).toMatch(/^[A-Za-z0-9+/=]{8,}$/);
  const keys = openRecordKeys({ ...onProtected, ...variables });
  if (typeof keys === 'string' || keys.sign === null) throw new Error('it is no pair');
  const sealed = { key: 'a/b', bytes: 1, sha256: Buffer.alloc(32, 7) };
  expect(unseal(packageName('a/b'), sealedVersion(sealed, keys.sign), keys.check)).toEqual(sealed);
  expect(newKeysText()).not.toBe(text);
});

const both = variablesIn(newKeysText());
const publicOnly = { LOCKSTEP_RECORD_PUBLIC_KEY: both.LOCKSTEP_RECORD_PUBLIC_KEY };
it.each([
  ['a protected branch with both', { ...onProtected, ...both }, null, null],
  ['another branch', { ...job, ...publicOnly }, null, /^only protected branches/],
  ['another branch with both', { ...job, ...both }, null, /make a new pair/],
  [
    'a protected branch without the private one',
    { ...onProtected, ...publicOnly },
    null,
    /^the variable LOCKSTEP_RECORD_KEY is not set/,
  ],
  [
    'no keys',
    onProtected,
    /^the variable LOCKSTEP_RECORD_PUBLIC_KEY is not set/,
    /^the variable LOCKSTEP_RECORD_PUBLIC_KEY/,
  ],
  ['no token', { ...onProtected, ...both, CI_JOB_TOKEN: '' }, /CI_JOB_TOKEN/, /CI_JOB_TOKEN/],
])('%s: what it may do', (_what, environment, noReads, noWrites) => {
  const rights = recordRights(environment);
  for (const [found, expected] of [
    [rights.noReads, noReads],
    [rights.noWrites, noWrites],
  ] as const)
    if (expected === null) expect(found).toBeNull();
    else expect(found).toMatch(expected);
});

it('names of packages are such as GitLab takes, and none leads elsewhere', () => {
  for (const key of ['lockstep-v1/job/a', '..', '.', '../a', 'a/b/', '_-.'])
    expect(packageName(key)).toMatch(/^(?!\.+$)[A-Za-z0-9._+-]+$/);
});
