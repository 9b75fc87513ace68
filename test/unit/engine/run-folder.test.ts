import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ownerName, thisOwner, type Owner } from '../../../engine/owner.ts';
import { createRunFolder, newRunId, removeOldRuns, runFolderAt } from '../../../engine/run-folder.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lockstep-folder-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const runs = (): string[] => readdirSync(join(root, '.lockstep', 'runs')).sort();
const idOf = (number: number): string => `20260101-000000-${number.toString(16).padStart(6, '0')}`;
function addRun(id: string, finished = true): void {
  mkdirSync(join(root, '.lockstep', 'runs', id), { recursive: true });
  if (finished) writeFileSync(join(root, '.lockstep', 'runs', id, 'result.json'), '{}');
}

test('a new run is named in `last` and kept out of git', () => {
  const id = newRunId(new Date('2026-11-22T01:02:03Z'));
  expect(id).toMatch(/^20261122-010203-[0-9a-f]{6}$/);
  expect(createRunFolder(root, id)).toMatchObject({ ok: true });
  expect(readFileSync(join(root, '.lockstep', 'last'), 'utf8')).toBe(`${id}\n`);
  expect(readFileSync(join(root, '.lockstep', '.gitignore'), 'utf8')).toBe('*\n');
});

test.each(['.lockstep', '.lockstep/runs'])(
  '%s as a link is refused and nothing is written through it',
  (link) => {
    const victim = join(root, 'victim');
    mkdirSync(victim);
    if (link !== '.lockstep') mkdirSync(join(root, '.lockstep'));
    symlinkSync(victim, join(root, link));
    expect(createRunFolder(root, idOf(1))).toMatchObject({
      ok: false,
      failure: { kind: 'usage', code: 'state-folder-unsafe' },
    });
    expect(readdirSync(victim)).toEqual([]);
  },
);

test('a .gitignore that is a link is replaced, not followed', () => {
  writeFileSync(join(root, 'mine'), 'mine');
  mkdirSync(join(root, '.lockstep'));
  symlinkSync(join(root, 'mine'), join(root, '.lockstep', '.gitignore'));
  expect(createRunFolder(root, idOf(1))).toMatchObject({ ok: true });
  expect(readFileSync(join(root, 'mine'), 'utf8')).toBe('mine');
});

test('what a process that was killed had half written goes; of one that lives, and what is whole, stays', async () => {
  const self = await thisOwner(process.platform, process.pid);
  const foreign = { ...self, boot: 'another' };
  const partial = (owner: Owner, folder: string, daysOld = 0): string => {
    const path = join(root, '.lockstep/runs', folder, `.partial-${ownerName(owner)}.${'0'.repeat(16)}`);
    mkdirSync(join(path, 'deep'), { recursive: true });
    writeFileSync(join(path, 'deep', 'file'), 'x');
    const then = Date.now() / 1000 - daysOld * 25 * 3600;
    utimesSync(path, then, then);
    return path;
  };
  addRun(idOf(1), false);
  addRun(idOf(2));
  mkdirSync(join(root, 'elsewhere'));
  symlinkSync(join(root, 'elsewhere'), join(root, '.lockstep/runs', idOf(1), 'reports'));
  const dead = { ...self, started: '1' };
  const staying = [
    partial(self, `${idOf(1)}/artifacts/a`),
    partial(foreign, `${idOf(1)}/artifacts/b`),
    partial(dead, `../../elsewhere/a`),
    join(root, '.lockstep/runs', idOf(1), 'artifacts/a/.partial-mine.0123456789abcdef'),
  ];
  mkdirSync(staying[3] ?? '');
  const going = [partial(dead, `${idOf(1)}/artifacts/a`), partial(foreign, `${idOf(1)}/artifacts/c`, 1)];
  await removeOldRuns(runFolderAt(root, idOf(3)));
  expect(staying.filter((path) => !existsSync(path))).toEqual([]);
  expect(going.filter((path) => existsSync(path))).toEqual([]);
});

test('the newest 20 finished runs stay; unfinished ones for a day; other things always', async () => {
  for (let number = 0; number < 25; number += 1) addRun(idOf(number), number !== 1);
  const old = join(root, '.lockstep', 'runs', idOf(2));
  rmSync(join(old, 'result.json'));
  utimesSync(old, 0, 0);
  mkdirSync(join(root, '.lockstep', 'runs', '0-mine'));
  symlinkSync(root, join(root, '.lockstep', 'runs', idOf(99)));
  await removeOldRuns(runFolderAt(root, idOf(24)));
  expect(runs()).toEqual(
    ['0-mine', idOf(1), ...Array.from({ length: 20 }, (_, index) => idOf(index + 5)), idOf(99)].sort(),
  );
  expect(existsSync(root)).toBe(true);
});

test('an old run goes with all that is in it, but not what a link there leads to', async () => {
  for (let number = 0; number < 21; number += 1) addRun(idOf(number));
  const [oldest = '', next = ''] = [idOf(0), idOf(1)].map((id) => join(root, '.lockstep', 'runs', id));
  mkdirSync(join(oldest, 'logs'));
  mkdirSync(join(oldest, 'artifacts', 'a'), { recursive: true });
  for (const name of ['logs/a.log', 'artifacts/a/file']) writeFileSync(join(oldest, name), '');
  const mine = join(root, 'mine');
  mkdirSync(mine);
  writeFileSync(join(mine, 'file'), '');
  symlinkSync(mine, join(next, 'logs'));
  symlinkSync(join(mine, 'file'), join(next, 'events.jsonl'));
  await removeOldRuns(runFolderAt(root, idOf(21)));
  expect(runs()).toEqual(Array.from({ length: 19 }, (_, index) => idOf(index + 2)));
  expect(readdirSync(mine)).toEqual(['file']);
});
