// An index → which of its files git finds changed: by each part of their stamps, by any edit, or nothing at all.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { countFiles, findChanged } from '../../../engine/git-look.ts';
import { saveTable, type Row } from '../../../engine/index-table.ts';
import { diskPath, sortByPath } from '../../../src/model/path-bytes.ts';
import { at, folderForEach, rig, write } from './source-folder.ts';

const paths = sortByPath(
  [
    'a',
    'empty',
    'folder/b',
    'folder/deep/c',
    'run',
    'caf\u00e9',
    'wrong\udcffbyte',
    'new\nline',
    `${'long/'.repeat(700)}name`,
  ],
  (path) => path,
);

folderForEach();
beforeEach(() => {
  for (const path of paths) plant(path);
  plant('empty', '');
  chmodSync(at('run'), 0o755);
  save();
});

function plant(path: string, text = path): void {
  write(path, text);
  utimesSync(diskPath(rig.root, path), 1, 1);
}

function save(change: (stamp: number[]) => number[] = (stamp) => stamp): void {
  const rows = paths.map((path): Row => {
    const { size, mtimeMs, ctimeMs, ino, dev, mode, uid, gid } = lstatSync(diskPath(rig.root, path));
    return {
      path,
      stamp: change([size, mtimeMs, ctimeMs, ino, dev, mode, uid, gid]),
      digest: '0'.repeat(64),
    };
  });
  saveTable(rig.index, { device: 1, inode: 2, bootedAt: 3 }, rows, null);
}

async function changed(signal?: AbortSignal): Promise<string[] | null> {
  const found = await findChanged(rig.root, rig.index, process.env, signal);
  return found && [...found].filter((path) => path !== '');
}

it('finds nothing where nothing changed', async () => {
  expect(countFiles(rig.index)).toBe(paths.length);
  expect(await changed()).toEqual([]);
});

it.each(['size', 'mtime', 'ctime', 'inode', 'mode', 'user', 'group'])('compares the %s', async (name) => {
  const part = ['size', 'mtime', 'ctime', 'inode', 'device', 'mode', 'user', 'group'].indexOf(name);
  const other = (value: number): number => (name === 'mode' ? value ^ 0o111 : value + 5_000);
  save((stamp) => stamp.map((value, place) => (place === part ? other(value) : value)));
  expect(await changed()).toEqual(paths);
});

it('finds all that have no stamp', async () => {
  save((stamp) => stamp.map((_, place) => (place === 5 ? (stamp[5] ?? 0) : NaN)));
  expect(await changed()).toEqual(paths);
});

it.each<[string, readonly string[], () => void]>([
  ['content', ['wrong\udcffbyte'], () => plant('wrong\udcffbyte', 'other')],
  ['an empty file', ['empty'], () => plant('empty', 'something')],
  ['what is gone', ['new\nline'], () => rmSync(at('new\nline'))],
  ['a mode', ['run'], () => chmodSync(at('run'), 0o644)],
  [
    'a folder behind a link',
    ['folder/b', 'folder/deep/c'],
    () => {
      renameSync(at('folder'), at('moved'));
      symlinkSync('moved', at('folder'));
    },
  ],
  [
    'a repository in its place',
    ['a'],
    () => {
      rmSync(at('a'));
      plant('a/.git/HEAD', 'ref: refs/heads/main\n');
    },
  ],
])('finds %s', async (_, found, edit) => {
  edit();
  expect(await changed()).toEqual(found);
});

describe('cannot tell', () => {
  it.each<[string, () => void]>([
    ['without an index', () => rmSync(rig.index)],
    ['with another file in its place', () => writeFileSync(rig.index, 'DIRC rubbish that is long enough')],
    [
      'with a folder in its place',
      () => {
        rmSync(rig.index);
        mkdirSync(rig.index);
      },
    ],
  ])('%s', async (_, harm) => {
    harm();
    expect(await changed()).toBeNull();
  });

  it('of an index that another process wrote meanwhile', async () => {
    const found = changed();
    save();
    expect(await found).toBeNull();
    expect(await changed()).toEqual([]);
  });

  it('once it is interrupted', async () => {
    expect(await changed(AbortSignal.abort())).toBeNull();
  });
});
