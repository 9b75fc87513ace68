// The job's variables → a source of secrets: their values, and what lies in the files of those that are files.
import { readFile } from 'node:fs/promises';
import type { Environment } from '../../src/contract/provider.ts';
import type { SecretSource } from '../../src/contract/secret-source.ts';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';
import { variable } from '../shared/variable.ts';

const place = (name: string): string => `the CI/CD variable ${name}`;

/** What a machine and its shell set for themselves, and the key that signs everybody's records. */
const neverSecret: ReadonlySet<string> = new Set(
  'HOME HOSTNAME LANG LOGNAME OLDPWD PATH PWD SHELL SHLVL TERM TMPDIR USER LOCKSTEP_RECORD_KEY'.split(' '),
);

/** Nothing tells GitLab's variables from others of the environment; only names that a pipeline file declares are looked for. */
export const gitlabSecrets = (environment: Environment): SecretSource => ({
  place,
  find: async (name) => {
    const text = neverSecret.has(name) ? '' : variable(environment, name);
    // `variables: {NAME: $NAME}` in a file of GitLab's is left like this where no other place has a value.
    if (['', `$${name}`, `\${${name}}`].includes(text)) return ok(null);
    const value = isFileVariable(environment, name) ? await readValue(name, text) : ok(Buffer.from(text));
    if (!value.ok) return value;
    return ok(value.value.length === 0 ? null : { from: place(name), read: () => Promise.resolve(value) });
  },
});

/**
 * The runner writes the value of a variable of type file, and of one that comes from a vault, beside the checkout, and gives the path:
 * `TmpProjectDir` in https://gitlab.com/gitlab-org/gitlab-runner/-/blob/main/common/build.go, `Variable` in `shells/bash.go`.
 */
export function isFileVariable(environment: Environment, name: string): boolean {
  const folder = variable(environment, 'CI_PROJECT_DIR');
  return folder !== '' && environment[name] === `${folder}.tmp/${name}`;
}

/** Failure (`usage`): `secret-unreadable`. */
async function readValue(name: string, path: string): Promise<Outcome<Buffer>> {
  try {
    return ok(await readFile(path));
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return fail('usage', 'secret-unreadable', `the file of ${place(name)} cannot be read`, { cause });
  }
}
