import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { secretVariables, unfitSecrets, writeBytes } from '../../../../engine/docker/step-secrets.ts';

test('any bytes are written to a file by builtins', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'lockstep-secret-')), 'file');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40_000, size: 'max' }), (bytes) => {
      execFileSync('/bin/sh', { input: writeBytes(path, bytes), env: { PATH: '/nowhere' } });
      expect(readFileSync(path).equals(bytes)).toBe(true);
    }),
    { numRuns: 10 },
  );
});

test('files are named by variables; a variable of a secret has the last word', () => {
  const granted = {
    secretEnv: { A: '1', K_FILE: '2' },
    secretFiles: { K: new Uint8Array(), L: new Uint8Array() },
  };
  expect(secretVariables(granted)).toEqual({ A: '1', K_FILE: '2', L_FILE: '/run/secrets/L' });
});

test.each(['', 'a.b', '1', '../x', 'a b', 'UID', 'BASH_ENV'])('the name %j is refused', (name) => {
  expect(unfitSecrets({ secretEnv: { [name]: 'x' }, secretFiles: {} })).not.toBeNull();
});
test.each(['', 'a.b', '1', '../x', 'a b', 'a/b', '.'])('the file name %j is refused', (name) => {
  expect(unfitSecrets({ secretEnv: {}, secretFiles: { [name]: new Uint8Array() } })).not.toBeNull();
});
