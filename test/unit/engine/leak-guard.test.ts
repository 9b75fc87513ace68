// What is to be published → the first secret in it, and where it says that is.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { findLeakInTree } from '../../../engine/leak-guard.ts';
import { createRedactor } from '../../../src/report/redact/redactor.ts';
import { zip } from '../../rig/zip.ts';

const value = 'correct-horse-battery';
const redactor = createRedactor([{ name: 'TOKEN', value: Buffer.from(value), guard: true }]);
const text = `0123456789 ${value}`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'leak-guard-'));
  mkdirSync(join(folder, 'out'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const leakIn = async (path: string, content: Buffer | string): Promise<string | null> => {
  writeFileSync(join(folder, path), content);
  const entries = [{ path, type: 'file', size: content.length, executable: false, digest: '' }] as const;
  const leak = await findLeakInTree(redactor, folder, entries);
  return leak && `${leak.secret} in ${leak.where} at ${leak.offset}`;
};

test.each([
  ['out/plain at 11', text],
  ['out/app.tgz: app.tar at 11', gzipSync(text)],
  ['out/app.zip: config/.env at 11', zip([{ name: 'config/.env', data: text }])],
  ['out/app.jar: config/.env at 11', zip([{ name: 'config/.env', data: text, stored: true }])],
  ['out/all.zip: app.tgz: app.tar at 11', zip([{ name: 'app.tgz', data: gzipSync(text) }])],
  ['out/named.zip: the name of a file at 0', zip([{ name: value, data: '' }])],
  ['out/comment.zip at 103', zip([{ name: 'a', data: 'b' }], value)],
  ['out/cut.zip at 42', zip([{ name: 'a', data: text, stored: true }]).subarray(0, -1)],
])('a secret is found in %s', async (where, content) => {
  const [path = ''] = where.split(/:| at /);
  expect(await leakIn(path, content)).toBe(`TOKEN in ${where}`);
});

test('archives without a secret are none', async () => {
  expect(await leakIn('a.gz', gzipSync('nothing'))).toBeNull();
  expect(await leakIn('a.zip', zip([{ name: 'a', data: text, encrypted: true }]))).toBeNull();
});

test('where nothing is guarded, nothing is opened', async () => {
  const entries = [{ path: 'missing', type: 'file', size: 1, executable: false, digest: '' }] as const;
  expect(await findLeakInTree(createRedactor([]), folder, entries)).toBeNull();
});
