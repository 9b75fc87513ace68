import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { listUnignored } from '../../../engine/ignore-files.ts';

const folders = ['', 'a', 'a/b', 'a/[x]', 'a/b/c d'];
const names = [
  'one.log',
  'two.log',
  '#x',
  '!y',
  'b',
  'z\\',
  'a ',
  'a\n',
  'a\t',
  '-',
  ']',
  'caf\u00e9',
  '\u00e0',
  'ab',
];
const plain = [
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

const pieces = [
  ...['a', 'b', '*', '**', '?', '[', '[ab]', '[!a]', '[^a]', '[a-b]', '[]a]', '[]-]', '[\\]]', '[[:alpha:]]'],
  ...[
    '[b-a]',
    '\\',
    '\\a',
    '\\*',
    '\\ ',
    ' ',
    '/',
    '#',
    '!',
    '-',
    '.',
    '^',
    '$',
    '+',
    '(',
    '{a,b}',
    '|',
    '\t',
    '\r',
  ],
  ...['**/', '/**', '\u00e9', '\u00e0', 'log', '\ufeff'],
];
const hostile = fc
  .tuple(
    fc.constantFrom('', '', '!', '/', '#', '\\', '\\!'),
    fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '', '/', ' ', '  ', '\\ ', '\r', '\t'),
  )
  .map(([start, middle, end]) => `${start}${middle.join('')}${end}`);
const rule = fc.oneof(fc.constantFrom(...plain), hostile);
const lineEnds = fc.constantFrom('\n', '\r\n');

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
        fc.dictionary(fc.constantFrom(...folders), fc.array(rule, { maxLength: 4 }), { minKeys: 1 }),
        lineEnds,
        async (ignoreFiles, lineEnd) => {
          const root = mkdtempSync(join(tmpdir(), 'lockstep-ignore-'));
          try {
            for (const folder of folders) {
              mkdirSync(join(root, folder), { recursive: true });
              for (const name of names) {
                if (!(folder === 'a' && name === 'b')) writeFileSync(join(root, folder, name), '');
              }
            }
            for (const [folder, lines] of Object.entries(ignoreFiles)) {
              writeFileSync(join(root, folder, '.gitignore'), lines.join(lineEnd));
            }
            const listed = await listUnignored(root);
            expect(listed.ok && [...listed.value].sort()).toEqual(gitSays(root));
          } finally {
            rmSync(root, { recursive: true });
          }
        },
      ),
      {
        numRuns: 60,
        examples: [
          // Git compares `a` by itself: `**` begins what is left.
          [{ '': ['a**/[x]'] }, '\n'],
          [{ '': ['one**/**'], a: ['!o**/*.log'] }, '\n'],
          // White space that is no space counts, and a byte of a letter is none.
          [{ '': ['a\t', '\u00e0'] }, '\n'],
          [{ '': ['a\t ', 'b\r'] }, '\r\n'],
          // A byte at a time.
          [{ '': ['caf?'], a: ['caf??'] }, '\n'],
          [{ '': ['\ufeffb'], a: ['b', '\ufeff*'] }, '\r\n'],
          // What an excluded folder holds cannot come back.
          [{ '': ['a/', '!a/b', '!one.log'], 'a/b': ['!*'] }, '\n'],
        ],
      },
    ),
  60_000,
);

it('takes a file that is not UTF-8', async () => {
  const root = mkdtempSync(join(tmpdir(), 'lockstep-ignore-'));
  const latin = Buffer.from('caf\u00e9\n', 'latin1');
  writeFileSync(join(root, '.gitignore'), latin);
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), latin.subarray(0, -1)]), '');
  writeFileSync(join(root, 'caf\u00e9'), '');
  expect(await listUnignored(root)).toEqual({ ok: true, value: ['.gitignore', 'caf\u00e9'] });
  rmSync(root, { recursive: true });
});

it('follows no link to an ignore file', async () => {
  const root = mkdtempSync(join(tmpdir(), 'lockstep-ignore-'));
  mkdirSync(join(root, 'a'));
  writeFileSync(join(root, 'rules'), 'x\n');
  writeFileSync(join(root, 'a/x'), '');
  symlinkSync('../rules', join(root, 'a/.gitignore'));
  expect(await listUnignored(root)).toEqual({ ok: true, value: ['rules', 'a/.gitignore', 'a/x'] });
  rmSync(root, { recursive: true });
});
