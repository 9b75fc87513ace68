// The names of secrets that a step or service is granted → their values, in the way that each is delivered.
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import type { Run } from './run.ts';

export interface Granted {
  readonly env: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/**
 * An optional one that is not there is left out. Failure `secret-missing` (`pipeline`) for a required one: the plan took its
 * job for skipped when secrets were looked up.
 */
export function grantSecrets(run: Run, names: readonly string[]): Outcome<Granted> {
  const env: Record<string, string> = {};
  const files: Record<string, Uint8Array> = {};
  for (const name of new Set(names)) {
    const declared = run.plan.secrets[name];
    const value = run.secrets.get(name);
    if (value === undefined) {
      if (declared?.required !== true) continue;
      return fail('pipeline', 'secret-missing', `the secret ${name} is required and was not looked up`, {
        hint: 'name the job on the command line, so that its secrets are looked up',
      });
    }
    if (declared?.file === true) files[name] = value;
    else env[name] = Buffer.from(value).toString('utf8');
  }
  return ok({ env, files });
}
