// Whatever git is told by settings, flags and locks, an edit shows, and nothing is run that the repository names.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { git, lists, plant, read, readTwice, stand, treeForEach, write } from './listed-tree.ts';
import { at, rig } from './source-folder.ts';

treeForEach();

it.each<[string, () => void]>([
  ['assume-unchanged', () => git('update-index', '--assume-unchanged', 'a', 'sub/a.md')],
  ['skip-worktree', () => git('update-index', '--skip-worktree', 'a', 'sub/a.md')],
  ['intent to add', () => git('add', '-N', 'untracked')],
  ['core.ignoreStat', () => git('config', 'core.ignoreStat', 'true')],
  ['core.trustCtime', () => git('config', 'core.trustCtime', 'false')],
  ['core.checkStat', () => git('config', 'core.checkStat', 'minimal')],
  ['core.fsmonitor', () => git('config', 'core.fsmonitor', 'true')],
  ['core.untrackedCache', () => git('config', 'core.untrackedCache', 'true')],
  ['core.ignoreCase', () => git('config', 'core.ignoreCase', 'true')],
  ['core.fileMode', () => git('config', 'core.fileMode', 'false')],
  ['core.autocrlf', () => git('config', 'core.autocrlf', 'true')],
  ['core.splitIndex', () => git('update-index', '--split-index')],
  ['index version 4', () => git('update-index', '--index-version=4')],
  [
    'a merge under way',
    () => {
      git('commit', '-qm', 'x');
      git('checkout', '-qb', 'other');
      for (const side of ['other', '-']) {
        if (side === '-') git('checkout', '-q', '-');
        write('a', side);
        git('commit', '-qam', side);
      }
      expect(() => git('merge', '-q', 'other')).toThrow();
    },
  ],
  [
    'a linked work tree',
    () => {
      git('commit', '-qm', 'x');
      git('worktree', 'add', '-q', join(rig.top, 'other'));
      rig.root = join(rig.top, 'other');
    },
  ],
])('an edit shows, whatever git is told: %s', async (_, tell) => {
  plant();
  tell();
  await stand();
  write('a', 'A');
  write('sub/a.md', readFileSync(at('sub/a.md'), 'utf8').replace('a', 'A'));
  expect(await lists()).toBe(false);
  write('sub/new');
  git('status');
  await readTwice();
});

it('what a sparse checkout left out is looked for', async () => {
  plant();
  git('commit', '-qm', 'x');
  git('sparse-checkout', 'set', 'sub');
  await readTwice();
  write('a', 'A');
  await readTwice();
});

it('waits for nobody who holds the lock of git’s index, and sees what he writes', async () => {
  plant();
  await stand();
  writeFileSync(at('.git/index.lock'), '');
  write('a', 'A');
  expect(await lists()).toBe(false);
  rmSync(at('.git/index.lock'));
  git('add', '-f', 'by-user');
  expect(await lists()).toBe(true);
});

it('no program is run that the repository names', async () => {
  plant();
  write('.gitattributes', '* filter=named diff=named\n');
  git('add', '.');
  for (const key of ['filter.named.clean', 'filter.named.process', 'diff.named.command', 'core.fsmonitor'])
    git('config', key, `touch ${rig.top}/ran; false`);
  await stand();
  write('a', 'A');
  await read();
  expect(existsSync(join(rig.top, 'ran'))).toBe(false);
});
