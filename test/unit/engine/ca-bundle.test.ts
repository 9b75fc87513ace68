import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { afterAll, expect, test } from 'vitest';
import { readCaBundle } from '../../../engine/ca-bundle.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-ca-'));
afterAll(() => rmSync(folder, { recursive: true }));
const pem = (name: string): string => `-----BEGIN CERTIFICATE-----\n${name}\n-----END CERTIFICATE-----`;
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const own = file('own.pem', `# ours\n${pem('own')}\n`);
const other = file('other.pem', `${pem('other')}\n${pem('own')}\n${rootCertificates[0] ?? ''}\n`);
const empty = file('empty.pem', 'nothing here\n');

async function bundle(
  named: string | undefined,
  environment: Record<string, string>,
): Promise<string | null> {
  const read = await readCaBundle(named, environment);
  if (!read.ok) throw new Error(read.failure.code);
  return read.value && Buffer.from(read.value).toString();
}

test('the public roots and the file that comes first', async () => {
  const text = await bundle(own, { LOCKSTEP_CA_FILE: other, SSL_CERT_FILE: other });
  expect(text).toContain(pem('own'));
  expect(text).not.toContain(pem('other'));
  expect(text).toContain(rootCertificates.at(-1));
  expect(await bundle(undefined, { LOCKSTEP_CA_FILE: own, SSL_CERT_FILE: other })).not.toContain(
    pem('other'),
  );
});

test("the host's own variables together, each certificate once", async () => {
  const text = (await bundle(undefined, { SSL_CERT_FILE: own, NODE_EXTRA_CA_CERTS: other })) ?? '';
  expect(text.split(pem('own'))).toHaveLength(2);
  expect(text).toContain(pem('other'));
  expect(text.match(/BEGIN CERTIFICATE/g)).toHaveLength(rootCertificates.length + 2);
});

test('no file named, or only ones of the host that are not there or hold nothing: no bundle', async () => {
  expect(await bundle(undefined, {})).toBeNull();
  expect(
    await bundle(undefined, {
      LOCKSTEP_CA_FILE: '',
      SSL_CERT_FILE: '/nonexistent',
      NODE_EXTRA_CA_CERTS: empty,
    }),
  ).toBeNull();
});

test.each([['/nonexistent'], [empty]])('a file asked for that is no use is bad usage: %s', async (path) => {
  for (const read of [
    await readCaBundle(path, {}),
    await readCaBundle(undefined, { LOCKSTEP_CA_FILE: path }),
  ]) {
    expect(read).toMatchObject({ ok: false, failure: { kind: 'usage', code: 'ca-file' } });
  }
});
