// The tree of last time is known with no listing by git as long as all that the listing follows from is as it was.
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  clock,
  git,
  lists,
  nextSecond,
  plant,
  read,
  readTwice,
  stand,
  treeForEach,
  write,
} from './listed-tree.ts';
import { at, HOUR, rig } from './source-folder.ts';

treeForEach();

/** Whether the tree is read with no listing then. */
const ofFiles: [string, boolean, () => void][] = [
  ['content', true, () => write('a', 'other')],
  ['content of the same size', true, () => write('a', 'A')],
  ['content of what is not tracked', true, () => write('untracked', 'UNTRACKED')],
  ['content of an empty file', true, () => write('nothing', 'something')],
  ['no more than a time', true, () => utimesSync(at('nothing'), 1, 1)],
  ['another file of the same times in its place', false, () => renameSync(at('b'), at('a'))],
  [
    'another file by its name',
    true,
    () => {
      write('ignored/a', 'A');
      renameSync(at('ignored/a'), at('a'));
    },
  ],
  ['a mode', false, () => chmodSync(at('a'), 0o755)],
  [
    'a file that became a link',
    false,
    () => {
      rmSync(at('a'));
      symlinkSync('b', at('a'));
    },
  ],
  [
    'a file that became a folder',
    false,
    () => {
      rmSync(at('a'));
      mkdirSync(at('a'));
    },
  ],
];

const ofListing: [string, () => void][] = [
  ['a file that is gone', () => rmSync(at('a'))],
  ['a new file', () => write('sub/deep/new')],
  ['a new file in an empty folder', () => write('empty/inside/new')],
  ['a new file where all was ignored', () => write('logs/deep/new')],
  ['a folder by another name', () => renameSync(at('sub'), at('other'))],
  [
    'a folder that became a link to itself elsewhere',
    () => {
      renameSync(at('moved'), at('ignored/moved'));
      symlinkSync('ignored/moved', at('moved'));
    },
  ],
  ['an ignore file that git tracks', () => write('.gitignore', '.lockstepignore\n')],
  ['an ignore file that git ignores', () => write('sub/deep/.gitignore', 'other\n')],
  ['an ignore file that is new', () => write('sub/.gitignore', 'a.md\nuntracked\n!x.log\n')],
  ["the repository's own ignore file", () => write('.git/info/exclude', 'sub/deep/.gitignore\n')],
  ["the user's ignore file", () => writeFileSync(join(rig.top, 'excludes'), '')],
  ["the user's ignore file, gone", () => rmSync(join(rig.top, 'excludes'))],
  [
    "the user's settings",
    () => appendFileSync(join(rig.top, 'config'), '[core]\nexcludesFile = /dev/null\n'),
  ],
  ["the repository's settings", () => git('config', 'core.excludesFile', '/dev/null')],
  ['git add -f', () => git('add', '-f', 'ignored/file')],
  [
    'git rm --cached of what git ignores',
    () => {
      write('.gitignore', '.lockstepignore\nb\n');
      git('rm', '-q', '--cached', 'b');
    },
  ],
  [
    'an edit that git was told not to look for',
    () => {
      git('update-index', '--assume-unchanged', 'a');
      git('update-index', '--skip-worktree', 'b');
      write('a', 'A');
      write('b', 'B');
    },
  ],
  [
    'an edit that is in the index already',
    () => {
      write('a', 'A');
      git('add', 'a');
      git('update-index', '--refresh');
    },
  ],
  ['a repository inside', () => git('init', '-q', 'sub/deep')],
  ['a new .lockstepignore that git ignores', () => write('sub/.lockstepignore', 'a.md\n')],
  ['a .lockstepignore that git ignores', () => write('.lockstepignore', 'a\n')],
  [
    'a .lockstepignore that takes an ignore file away, and then that one',
    () => {
      write('.lockstepignore', '.gitignore\n');
    },
  ],
];

describe('the tree of last time', () => {
  it('is known with no listing while nothing changed, and where it makes no difference', async () => {
    plant();
    await stand();
    // As a run does at the top, an editor where it likes, and a build where git does not look.
    write('.lockstep/.gitignore', '*\n');
    write('.lockstep/runs/1/result.json');
    expect(await lists()).toBe(false);
    write('sub/deep/b~');
    rmSync(at('sub/deep/b~'));
    write('ignored/other');
    write('logs/deep/x.log', 'more');
    expect(await lists()).toBe(false);
    git('-c', 'user.name=n', '-c', 'user.email=e@x', 'commit', '-qm', 'x');
    expect(await lists()).toBe(true);
    expect(await lists()).toBe(false);
  });

  it.each(ofFiles)('is not believed after %s', async (_, isKnown, edit) => {
    plant();
    write('nothing', '');
    await stand();
    edit();
    expect(await lists()).toBe(!isKnown);
    await readTwice();
    write('a~', 'A~');
    rmSync(at('a'), { recursive: true });
    renameSync(at('a~'), at('a'));
    await readTwice();
  });

  it('is not believed after content of the same size and mtime', async () => {
    plant();
    await stand();
    const { atime, mtime } = statSync(at('a'));
    await nextSecond();
    write('a', 'A');
    utimesSync(at('a'), atime, mtime);
    await lists();
  });

  it.each(ofListing)('is not believed after %s', async (_, edit) => {
    plant();
    await stand();
    edit();
    await readTwice();
    write('.gitignore', 'untracked\n');
    await readTwice();
  });

  it('is not that of another pipeline file', async () => {
    plant();
    await stand();
    expect(await lists('a')).toBe(true);
  });

  it('is not believed once the clock was set back, or before all has settled', async () => {
    plant();
    Object.assign(clock, { ahead: 0, boot: 10 * HOUR });
    await read();
    await read();
    expect(await lists()).toBe(true);
    clock.ahead = HOUR;
    await lists();
    expect(await lists()).toBe(false);
    clock.boot -= HOUR;
    expect(await lists()).toBe(true);
  });

  it('is known but for the files that have not settled', async () => {
    const later = (path: string, text: string): void => {
      writeFileSync(at(path), text);
      utimesSync(at(path), 1, 10_000_000_000);
    };
    plant();
    await stand();
    // Within a second, with nothing but content to tell the last two apart.
    for (const text of ['1', '2', '3']) {
      later('a', text);
      expect(await lists()).toBe(false);
    }
    later('sub/new', '1');
    expect(await lists()).toBe(true);
    later('sub/new', '2');
    expect(await lists()).toBe(false);
    write('sub/new', 'settled');
    for (let time = 0; time < 2; time++) expect(await lists()).toBe(false);
  });

  it('is not believed without the processes that say so, and comes to no harm', async () => {
    plant();
    await stand();
    write('a', 'A');
    rmSync(join(rig.top, 'cache/empty.git'), { recursive: true, force: true });
    writeFileSync(join(rig.top, 'cache/empty.git'), '');
    await lists();
    write('a', 'other');
    await lists();
  });
});
