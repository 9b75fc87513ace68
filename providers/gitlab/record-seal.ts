// A record's key and content ↔ name and version of the package that holds it, which only the owner of the private key can make.
//
// The name is the key with `+` for `/`, and one at the end: a name of dots alone leads elsewhere. The version is
// `BYTES.SHA256.SIGNATURE`, so a list of packages tells which of them are true before anything is downloaded. GitLab takes
// `A-Z a-z 0-9 . _ + -` in both: https://docs.gitlab.com/user/packages/generic_packages/#publish-a-package
import { sign, verify, type KeyObject } from 'node:crypto';

export interface Sealed {
  readonly key: string;
  /** Of the content. */
  readonly bytes: number;
  readonly sha256: Buffer;
}

/** Of one key, or the beginning of those of many. */
export const packageName = (key: string): string => `${namePrefix(key)}+`;
export const namePrefix = (prefix: string): string => prefix.replaceAll('/', '+');

export function sealedVersion(sealed: Sealed, privateKey: KeyObject): string {
  const signature = sign(null, signedBytes(sealed), privateKey);
  return [sealed.bytes, sealed.sha256.toString('base64url'), signature.toString('base64url')].join('.');
}

/** Null: nobody signed it who could. */
export function unseal(name: string, version: string, publicKey: KeyObject): Sealed | null {
  const [, bytes = '', sha256 = '', signature = ''] =
    /^(0|[1-9]\d{0,14})\.([\w-]{43})\.([\w-]{86})$/.exec(version) ?? [];
  if (!isExact(sha256) || !isExact(signature) || !name.endsWith('+')) return null;
  const key = name.slice(0, -1).replaceAll('+', '/');
  const sealed = { key, bytes: Number(bytes), sha256: Buffer.from(sha256, 'base64url') };
  return verify(null, signedBytes(sealed), publicKey, Buffer.from(signature, 'base64url')) ? sealed : null;
}

/** Else one signature would have many names. */
const isExact = (text: string): boolean =>
  text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text;

const signedBytes = ({ key, bytes, sha256 }: Sealed): Buffer =>
  Buffer.from(['lockstep-record-1', key, String(bytes), sha256.toString('hex')].join('\n'));
