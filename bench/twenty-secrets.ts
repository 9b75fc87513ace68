// Twenty values as pipelines have them: tokens, passwords, a private key, a service account. New ones each time.
import { generateKeyPairSync, randomBytes } from 'node:crypto';

/** Names as secrets are named. */
export function twentySecrets(): Readonly<Record<string, string>> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const account = { type: 'service_account', project_id: 'shop', private_key: privateKey, client_id: '1' };
  const random = (bytes: number, encoding: 'hex' | 'base64' | 'base64url') =>
    randomBytes(bytes).toString(encoding);
  const many = (kind: string, count: number, value: () => string) =>
    Array.from({ length: count }, (_, index): [string, string] => [`${kind}_${index}`, value()]);
  return Object.fromEntries([
    ['SIGNING_KEY', privateKey],
    ['SERVICE_ACCOUNT', JSON.stringify(account, null, 2)],
    ...many('PREFIXED', 4, () => `ghp_${random(18, 'hex')}`),
    ...many('HEX', 4, () => random(20, 'hex')),
    ...many('BASE64', 4, () => random(24, 'base64')),
    ...many('URL', 2, () => `https://user:${random(12, 'base64url')}@db.example/main`),
    ...many('PASSWORD', 4, () => random(6, 'base64url')),
  ]);
}
