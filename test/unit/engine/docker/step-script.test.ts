import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { quote, stepText, writeFile } from '../../../../engine/docker/step-script.ts';

test('what is quoted comes out of a shell as it went in', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 }).filter((value) => !value.includes('\0'));
  fc.assert(
    fc.property(fc.array(text, { maxLength: 60 }), (values) => {
      const script = `printf '%s\\0' ${values.map(quote).join(' ')}`;
      const out = execFileSync('sh', { input: values.length === 0 ? '' : script });
      expect(out.equals(Buffer.from(values.map((value) => `${value}\0`).join('')))).toBe(true);
    }),
    { numRuns: 8 },
  );
});

test('any text is written to a file by builtins', () => {
  const path = join(mkdtempSync(join(tmpdir(), 'lockstep-script-')), 'script');
  const text = "a\0b\0\0'$(x)'\n%s \\000 é\n\0";
  execFileSync('/bin/sh', { input: writeFile(path, text), env: { PATH: '/nowhere' } });
  expect(readFileSync(path, 'utf8')).toBe(text);
});

test('names that a shell cannot export, or keeps for itself, go through env', () => {
  const text = stepText(
    '\x1em',
    { shell: ['sh', '-e'], workdir: '/work' },
    { PLAIN: '1', 'a.b': '2', UID: '3', BASH_ENV: '4' },
  );
  expect(text).toContain("export PLAIN='1'");
  expect(text).toContain("'env' '--' 'a.b=2' 'UID=3' 'BASH_ENV=4' 'sh' '-e' '/run/lockstep/script'");
});
