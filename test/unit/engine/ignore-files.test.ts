import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { listUnignored } from '../../../engine/ignore-files.ts';

const folders = ['', 'a', 'a/b', 'a/[x]', 'a/b/c d'];
const names = ['one.log', 'two.log', '#x', '!y', 'b', 'z\\'];
const rules = [
  ...[
    '*.log',
    '!one.log',
    '/one.log',
    'a',
    '!a',
    'b/',
    '!b/',
    'a/b',
    '/a/*',
    '**/b',
    'b/**',
    '[x]',
    '\\[x\\]',
  ],
  ...[
    '\\#x',
    '# y',
    '\\!y',
    '!\\!y',
    '',
    '  ',
    'one.log  ',
    'c d',
    'c\\ d',
    '*',
    '!*/',
    '/',
    '!',
    '!two.log',
    'a/**/two.log',
  ],
];

/** What git itself says, of the same files. */
function gitSays(root: string): string[] {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  execFileSync('git', ['init', '-q'], { cwd: root, env });
  const words = ['ls-files', '-z', '--others', '--exclude-per-directory=.gitignore'];
  return execFileSync('git', words, { cwd: root, env }).toString().split('\0').slice(0, -1).sort();
}

it(
  'agrees with git on nested ignore files',
  () =>
    fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...folders), fc.array(fc.constantFrom(...rules), { maxLength: 4 }), {
          minKeys: 1,
        }),
        async (ignoreFiles) => {
          const root = mkdtempSync(join(tmpdir(), 'lockstep-ignore-'));
          try {
            for (const folder of folders) {
              mkdirSync(join(root, folder), { recursive: true });
              for (const name of names) {
                if (!(folder === 'a' && name === 'b')) writeFileSync(join(root, folder, name), '');
              }
            }
            for (const [folder, lines] of Object.entries(ignoreFiles)) {
              writeFileSync(join(root, folder, '.gitignore'), lines.join('\n'));
            }
            const listed = await listUnignored(root);
            expect(listed.ok && [...listed.value].sort()).toEqual(gitSays(root));
          } finally {
            rmSync(root, { recursive: true });
          }
        },
      ),
      { numRuns: 25 },
    ),
  60_000,
);

it('follows no link to an ignore file', async () => {
  const root = mkdtempSync(join(tmpdir(), 'lockstep-ignore-'));
  mkdirSync(join(root, 'a'));
  writeFileSync(join(root, 'rules'), 'x\n');
  writeFileSync(join(root, 'a/x'), '');
  symlinkSync('../rules', join(root, 'a/.gitignore'));
  expect(await listUnignored(root)).toEqual({ ok: true, value: ['rules', 'a/.gitignore', 'a/x'] });
  rmSync(root, { recursive: true });
});
