// A work tree that is read with an index, and whether git was asked for the list of its files then.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect } from 'vitest';
import { readSourceTree, type SourceTree } from '../../../engine/source-tree.ts';
import { diskPath } from '../../../src/model/path-bytes.ts';
import { at, folderForEach, HOUR, nextTick, rig, timeNow, write as writeOnly } from './source-folder.ts';

/** Set before each test of a file that calls `treeForEach`. */
export const clock = { ahead: 0, boot: 0 };

export function treeForEach(): void {
  folderForEach();
  beforeEach(() => {
    // Later by so much that what was written just now has settled.
    Object.assign(clock, { ahead: HOUR, boot: 0 });
    // Git itself notes what it is asked: a program of ours before it would take as long as git does.
    writeFileSync(
      join(rig.top, 'config'),
      `[core]\nexcludesFile = ${rig.top}/excludes\n[user]\nname = n\nemail = e@x\n[trace2]\nnormalTarget = ${rig.top}/asked\n`,
    );
    writeFileSync(join(rig.top, 'excludes'), 'by-user\n');
  });
}

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  GIT_CONFIG_GLOBAL: join(rig.top, 'config'),
  GIT_CONFIG_NOSYSTEM: '1',
  HOME: join(rig.top, 'home'),
});

export function git(...words: string[]): void {
  execFileSync('git', words, { cwd: rig.root, env: environment(), stdio: 'pipe' });
}

/** Each time with another mtime, since git compares to the second, and for the clock above all is long ago. */
export function write(path: string, text = path): void {
  writeOnly(path, text);
  utimesSync(diskPath(rig.root, path), ++writtenAt, writtenAt);
}
let writtenAt = 1_600_000_000;

export async function read(pipelineFile = 'x', file: string | null = rig.index): Promise<SourceTree> {
  const tree = await readSourceTree({
    root: rig.root,
    pipelineFile,
    environment: environment(),
    large: 0,
    clock: { now: () => Date.now() + clock.ahead, bootedAt: () => clock.boot },
    ...(file !== null && { index: file }),
  });
  if (!tree.ok) throw new Error(tree.failure.message);
  nextTick();
  return tree.value;
}

/** Git tells no less apart. */
export async function nextSecond(): Promise<void> {
  for (const start = timeNow(); Math.floor(timeNow() / 1000) === Math.floor(start / 1000);)
    await setTimeout(20);
}

/** Whether this reading had git list the tree; it gives what a reading without an index does. */
export async function lists(pipelineFile?: string): Promise<boolean> {
  rmSync(join(rig.top, 'asked'), { force: true });
  const tree = await read(pipelineFile);
  const asked = readFileSync(join(rig.top, 'asked'), 'utf8');
  expect(tree).toEqual(await read(pipelineFile, null));
  return asked.includes('ls-files');
}

/** Both give what a reading without an index does. */
export async function readTwice(): Promise<void> {
  const truth = await read('x', null);
  for (let time = 0; time < 2; time++) expect(await read()).toEqual(truth);
}

export function plant(): void {
  git('init', '-q', '--template=');
  for (const path of ['a', 'b', 'sub/a.md', 'sub/deep/b', 'moved/m', 'caf\u00e9', 'wrong\udcffbyte'])
    write(path);
  write('.gitignore', 'ignored\n*.log\n.lockstepignore\n');
  for (const path of ['ignored/file', 'by-user', 'by-exclude', 'logs/deep/x.log', 'sub/x.log']) write(path);
  write('.git/info/exclude', 'by-exclude\nsub/deep/.gitignore\n');
  write('sub/deep/.gitignore', 'quiet\n');
  write('sub/deep/quiet');
  mkdirSync(at('empty/inside'), { recursive: true });
  write('.lockstepignore', 'b.md\n');
  symlinkSync('sub', at('link'));
  git('add', '.');
  write('untracked');
}

/** The first reading is enough. */
export async function stand(): Promise<void> {
  await read();
  expect(await lists()).toBe(false);
}
