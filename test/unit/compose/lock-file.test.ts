import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readLockFile, writeLockFile } from '../../../src/compose/lock-file.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const pins = new Map([['debian', digest]]);
let root: string;
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'lockstep-lock-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('none is none', async () => {
  expect(await readLockFile(root)).toEqual({ text: '', pins: null, diagnostics: [] });
});

test('what is written is read, and nothing else is left', async () => {
  expect(writeLockFile(root, pins)).toBeNull();
  expect(await readLockFile(root)).toMatchObject({ pins, diagnostics: [] });
  expect(writeLockFile(root, new Map())).toBeNull();
  expect(await readLockFile(root)).toMatchObject({ pins: new Map(), diagnostics: [] });
  expect(readdirSync(root)).toEqual(['lockstep.lock']);
});

test.each([
  [
    'a folder',
    'is a folder',
    (path: string) => {
      mkdirSync(path);
    },
  ],
  [
    'a link to a file',
    'is no plain file',
    (path: string) => {
      writeFileSync(`${path}.other`, '');
      symlinkSync(`${path}.other`, path);
    },
  ],
  ['a link that leads nowhere', 'is no plain file', (path: string) => symlinkSync('nowhere', path)],
  ['a pipe', 'is no plain file', (path: string) => void execFileSync('mkfifo', [path])],
  ['other bytes', 'is not UTF-8', (path: string) => writeFileSync(path, Buffer.from([0xff, 0xfe, 0x7b]))],
  ['too large', 'is larger than 1 MiB', (path: string) => writeFileSync(path, ' '.repeat(1024 * 1024 + 1))],
])('%s in its place', async (_name, message, make) => {
  make(join(root, 'lockstep.lock'));
  expect(await readLockFile(root)).toEqual({
    text: '',
    pins: null,
    diagnostics: [
      {
        severity: 'error',
        code: 'invalid-lock-file',
        message: `lockstep.lock ${message}`,
        hint: 'put a plain file in its place, or remove it and run: lockstep lock',
      },
    ],
  });
});

test('a folder that is not there cannot be written', () => {
  expect(writeLockFile(join(root, 'none'), pins)).toMatchObject({ kind: 'environment', code: 'lock-file' });
});

test('a folder in its place stays, and no draft beside it', () => {
  mkdirSync(join(root, 'lockstep.lock'));
  expect(writeLockFile(root, pins)).toMatchObject({ code: 'lock-file' });
  expect(readdirSync(root)).toEqual(['lockstep.lock']);
});
