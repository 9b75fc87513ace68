import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { makeFolder } from '../../../engine/make-folder.ts';

const root = mkdtempSync(join(tmpdir(), 'lockstep-make-'));
afterEach(() => rmSync(root, { recursive: true, force: true }));

test('makes all that is missing, and again', () => {
  makeFolder(join(root, 'a/b/c'), 0o700);
  makeFolder(join(root, 'a/b/c'), 0o700);
  expect(statSync(join(root, 'a/b')).mode & 0o777).toBe(0o700);
});

test('throws where a file is in the way', () => {
  makeFolder(root);
  writeFileSync(join(root, 'file'), '');
  expect(() => makeFolder(join(root, 'file/below'))).toThrow('ENOTDIR');
  expect(() => makeFolder(join(root, 'file'))).toThrow('EEXIST');
});

test.runIf(existsSync('/proc/self'))('ends where nothing can ever be made', () => {
  expect(() => makeFolder('/proc/no/such/folder')).toThrow('ENOENT');
});
