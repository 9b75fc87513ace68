// The variables of a job → whether it may read and write records in the package registry.
import type { Environment } from '../../src/contract/provider.ts';
import { variable } from '../shared/variable.ts';

export const publicName = 'LOCKSTEP_RECORD_PUBLIC_KEY';
export const privateName = 'LOCKSTEP_RECORD_KEY';

/** Null: it can; else why not, a clause for people. */
export interface RecordRights {
  readonly noReads: string | null;
  readonly noWrites: string | null;
}

/** Looks at no value but for whether there is one: record-keys does. */
export function recordRights(environment: Environment): RecordRights {
  const missing = [publicName, 'CI_JOB_TOKEN', 'CI_API_V4_URL', 'CI_PROJECT_ID'].find(
    (name) => variable(environment, name) === '',
  );
  const noReads = missing === undefined ? null : `the variable ${missing} is not set`;
  return { noReads, noWrites: noReads ?? whyNoWrites(environment) };
}

function whyNoWrites(environment: Environment): string | null {
  const has = variable(environment, privateName) !== '';
  if (variable(environment, 'CI_COMMIT_REF_PROTECTED') === 'true')
    return has ? null : `the variable ${privateName} is not set`;
  return has
    ? `this branch is not protected and was given ${privateName} all the same: make a new pair, and the variable a protected one`
    : 'only protected branches and tags write records';
}
