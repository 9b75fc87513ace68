// The variables of a job → the keys that check records and sign them, or why not; and a new pair as variables.
//
// GitLab hides only what has one line (https://docs.gitlab.com/ci/variables/#mask-a-cicd-variable), so a key is base64 of its DER
// there. PEM will do too, and the path to a file of either, which is what a variable of type file holds.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type PublicKeyInput,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Environment } from '../../src/contract/provider.ts';
import { variable } from '../shared/variable.ts';
import { privateName, publicName, recordRights } from './record-rights.ts';

export interface RecordKeys {
  readonly check: KeyObject;
  /** Null: this job may not write. */
  readonly sign: KeyObject | null;
}

/** A string: what is wrong with them, for people; it holds nothing of a value. */
export function openRecordKeys(environment: Environment): RecordKeys | string {
  const { noReads, noWrites } = recordRights(environment);
  if (noReads !== null) return noReads;
  const check = readKey(environment, publicName, 'public');
  if (typeof check === 'string') return check;
  if (noWrites !== null) return { check, sign: null };
  const sign = readKey(environment, privateName, 'private');
  if (typeof sign === 'string') return sign;
  // Whoever starts a pipeline may replace a variable, but not by something that fits a key they never saw.
  return createPublicKey(sign).equals(check)
    ? { check, sign }
    : `${privateName} and ${publicName} do not belong together`;
}

function readKey(environment: Environment, name: string, kind: 'public' | 'private'): KeyObject | string {
  const value = variable(environment, name);
  let text = value.trim();
  try {
    if (text.startsWith('/')) text = readFileSync(text, 'utf8').trim();
  } catch {
    return `the file that ${name} names cannot be read`;
  }
  try {
    const key = kind === 'public' ? createPublicKey(publicInput(text)) : createPrivateKey(privateInput(text));
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // What is wrong with it tells of its value.
  }
  return `${name} holds no Ed25519 ${kind} key: lockstep generate gitlab-keys makes a pair`;
}

const isPem = (text: string): boolean => text.startsWith('-----BEGIN ');
/** A private key would do for a public one. */
const publicInput = (text: string): PublicKeyInput | string =>
  isPem(text) && !text.includes('PRIVATE')
    ? text
    : { key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' };
const privateInput = (text: string) =>
  isPem(text) ? text : ({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' } as const);

/** A new pair, as variables; nobody has seen it yet. */
export function newRecordKeys(): Readonly<Record<typeof publicName | typeof privateName, string>> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    [publicName]: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
    [privateName]: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
  };
}

/** Lines to copy. https://docs.gitlab.com/ci/variables/#define-a-cicd-variable-in-the-ui */
export function newKeysText(): string {
  const keys = newRecordKeys();
  return `# Two variables to set in the project: Settings > CI/CD > Variables. This pair is kept nowhere else.
#
# Secret: choose the visibility "Masked and hidden", and tick "Protect variable". Whoever has it can make protected branches
# believe anything.
${privateName}=${keys[privateName]}

# For all to see, on every branch: the visibility "Visible", and "Protect variable" not ticked.
${publicName}=${keys[publicName]}
`;
}
