// Any edits, in any order: with an index the tree is what it is without, and git is not always asked for the list.
import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { git, lists, treeForEach, write } from './listed-tree.ts';
import { at } from './source-folder.ts';

treeForEach();

const paths = [
  'a',
  'b',
  'sub/a',
  'sub/deep/b',
  'empty/c',
  '.gitignore',
  'sub/.gitignore',
  'sub/.lockstepignore',
];
const kinds = [
  'write',
  'remove',
  'move',
  'mode',
  'link',
  'folder',
  'exclude',
  'add',
  'forget',
  'flag',
  'refresh',
] as const;
const changes = fc.record({
  kind: fc.constantFrom(...kinds),
  path: fc.constantFrom(...paths),
  other: fc.constantFrom(...paths),
  text: fc.constantFrom('a\n', 'b\n', '*\n', '!a\n', 'sub\n', 'c\n'),
});
type Change = typeof changes extends fc.Arbitrary<infer One> ? One : never;

function apply({ kind, path, other, text }: Change): void {
  const stats = lstatSync(at(path), { throwIfNoEntry: false });
  if (kind === 'add') git('add', '-fA', '.');
  else if (kind === 'forget') git('rm', '-rfq', '--cached', '--ignore-unmatch', path);
  else if (kind === 'exclude') write('.git/info/exclude', text);
  else if (kind === 'refresh') git('status');
  else if (kind === 'flag') {
    git('update-index', '--assume-unchanged', 'more/1/1');
    write('more/1/1', text);
  } else if (kind === 'folder') {
    rmSync(at(path), { recursive: true, force: true });
    mkdirSync(at(path), { recursive: true });
  } else if (stats?.isDirectory()) rmSync(at(path), { recursive: true });
  else if (kind === 'remove') rmSync(at(path), { force: true });
  else if (kind === 'write' || stats?.isFile() !== true) {
    rmSync(at(path), { force: true });
    write(path, text);
  } else if (kind === 'link') {
    rmSync(at(path));
    symlinkSync(other, at(path));
  } else if (kind === 'mode') chmodSync(at(path), (stats.mode & 0o777) ^ 0o111);
  else {
    rmSync(at(other), { recursive: true, force: true });
    mkdirSync(dirname(at(other)), { recursive: true });
    if (path !== other) renameSync(at(path), at(other));
  }
}

it('is, with an index, what it is without, after any edits', async () => {
  git('init', '-q', '--template=');
  for (let number = 0; number < 30; number++) write(`more/${number % 5}/${number}`);
  for (const path of ['a', 'b', 'sub/a', 'sub/deep/b']) write(path);
  write('.gitignore', 'sub/.gitignore\n');
  mkdirSync(at('empty'));
  git('add', '.');
  let stood = 0;
  const round = fc.record({ edits: fc.array(changes, { minLength: 1, maxLength: 2 }), added: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(round, async ({ edits, added }) => {
      edits.forEach(apply);
      // What git tracks and is gone has to be looked for each time.
      if (added) git('add', '-fA', '.');
      for (let time = 0; time < 2; time++) if (!(await lists())) stood++;
    }),
    { numRuns: 40 },
  );
  expect(stood).toBeGreaterThan(5);
}, 120_000);
