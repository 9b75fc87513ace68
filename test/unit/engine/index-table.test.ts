import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { STAMP } from '../../../engine/git-entries.ts';
import { loadTable, saveTable, type Header, type Whole } from '../../../engine/index-table.ts';

const header: Header = { device: 1, inode: 2, bootedAt: 3.5 };

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-table-'));
  file = join(folder, 'index');
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

it('gives back 100,000 rows as they were', () => {
  const rows = Array.from({ length: 100_000 }, (_, number) => ({
    path: `folder/file-${number}\udcff`,
    stamp: Array.from({ length: STAMP }, (__, part) => 1.7e12 + number + part / 4),
    digest: number.toString(16).padStart(64, '0'),
  }));
  const whole: Whole = {
    listing: 'l',
    rules: 'r',
    folders: ['', 'folder', 'wrong\udcff'],
    links: [{ type: 'link', path: 'a', target: '\udcfe' }],
    digest: 'd',
    ruled: ['folder'],
    ground: {
      settings: 's',
      folders: [{ path: 'empty', stamp: '1 2', names: 'n' }],
      files: [{ path: '/index', stamp: '' }],
    },
  };
  saveTable(file, header, rows, whole);
  const { paths, stamps, digests, ...rest } = loadTable(file, (saved) => {
    expect(saved).toEqual(header);
    return true;
  });
  expect(paths).toEqual(rows.map(({ path }) => path));
  expect([...stamps]).toEqual(rows.flatMap(({ stamp }) => stamp));
  expect(digests).toBe(rows.map(({ digest }) => digest).join(''));
  expect(rest).toEqual({ whole });
});

it('holds no rows too, and is empty when its header is not wanted', () => {
  saveTable(file, header, [], null);
  expect(loadTable(file, () => true).paths).toEqual([]);
  saveTable(file, header, [{ path: 'a', stamp: Array(STAMP).fill(1), digest: '0'.repeat(64) }], null);
  expect(loadTable(file, () => true).paths).toEqual(['a']);
  expect(loadTable(file, () => false).paths).toEqual([]);
});

it('takes the place of what was there, and leaves nothing beside it', () => {
  writeFileSync(file, 'rubbish');
  saveTable(file, header, [], null);
  expect(readFileSync(file).length).toBe(12 + 8 + 5 * 8 + 'null\0'.length + 4 + 32);
  expect(readdirSync(folder)).toEqual(['index']);
});
