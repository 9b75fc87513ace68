import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSourceTree, type SourceTree } from '../../../engine/source-tree.ts';
import { diskPath } from '../../../src/model/path-bytes.ts';

const HOUR = 3_600_000;

let top: string;
let root: string;
let index: string;
let environment: NodeJS.ProcessEnv;
let clock: { ahead: number; boot: number };
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-ground-')));
  root = join(top, 'root');
  index = join(top, 'cache/index');
  // Later by so much that what was written just now has settled.
  clock = { ahead: HOUR, boot: 0 };
  const bin = join(top, 'bin');
  const program = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  mkdirSync(bin);
  writeFileSync(join(bin, 'git'), `#!/bin/sh\necho "$@" >>'${top}/asked'\nexec ${program} "$@"\n`, {
    mode: 0o755,
  });
  writeFileSync(
    join(top, 'config'),
    `[core]\nexcludesFile = ${top}/excludes\n[user]\nname = n\nemail = e@x\n`,
  );
  writeFileSync(join(top, 'excludes'), 'by-user\n');
  const ours = { GIT_CONFIG_GLOBAL: join(top, 'config'), GIT_CONFIG_NOSYSTEM: '1', HOME: join(top, 'home') };
  environment = { ...process.env, ...ours, PATH: `${bin}:${process.env.PATH ?? ''}` };
  mkdirSync(root);
});
afterEach(() => {
  rmSync(top, { recursive: true, force: true });
});

const at = (path: string): string => join(root, path);

function git(...words: string[]): void {
  execFileSync('git', words, { cwd: root, env: environment, stdio: 'pipe' });
}

/** Each time with another mtime, since git compares to the second, and for the clock above all is long ago. */
function write(path: string, text = path): void {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(diskPath(root, path), text);
  utimesSync(diskPath(root, path), ++writtenAt, writtenAt);
}
let writtenAt = 1_600_000_000;

async function read(pipelineFile = 'x', file: string | null = index): Promise<SourceTree> {
  const now = { now: () => Date.now() + clock.ahead, bootedAt: () => clock.boot };
  const request = {
    root,
    pipelineFile,
    environment,
    large: 0,
    clock: now,
    ...(file !== null && { index: file }),
  };
  const tree = await readSourceTree(request);
  if (!tree.ok) throw new Error(tree.failure.message);
  nextTick();
  return tree.value;
}

const truth = (pipelineFile?: string): Promise<SourceTree> => read(pipelineFile, null);

function timeNow(): number {
  writeFileSync(join(top, 'probe'), '');
  return statSync(join(top, 'probe')).ctimeMs;
}

/** Until the file system's clock has gone on: the clock above says that all has settled long ago. */
function nextTick(): void {
  for (const start = timeNow(); timeNow() === start;);
}

/** Git tells no less apart. */
async function nextSecond(): Promise<void> {
  for (const start = timeNow(); Math.floor(timeNow() / 1000) === Math.floor(start / 1000);)
    await setTimeout(20);
}

/** Whether this reading had git list the tree. */
async function lists(pipelineFile?: string): Promise<boolean> {
  rmSync(join(top, 'asked'), { force: true });
  const tree = await read(pipelineFile);
  const asked = readFileSync(join(top, 'asked'), 'utf8');
  expect(tree).toEqual(await truth(pipelineFile));
  return asked.includes('ls-files');
}

function plant(): void {
  git('init', '-q');
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
async function stand(): Promise<void> {
  await read();
  expect(await lists()).toBe(false);
}

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
  ["the user's ignore file", () => writeFileSync(join(top, 'excludes'), '')],
  ["the user's ignore file, gone", () => rmSync(join(top, 'excludes'))],
  ["the user's settings", () => appendFileSync(join(top, 'config'), '[core]\nexcludesFile = /dev/null\n')],
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
    for (let time = 0; time < 2; time++) await lists();
    write('a~', 'A~');
    rmSync(at('a'), { recursive: true });
    renameSync(at('a~'), at('a'));
    for (let time = 0; time < 2; time++) await lists();
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
    for (let time = 0; time < 2; time++) await lists();
    write('.gitignore', 'untracked\n');
    for (let time = 0; time < 2; time++) await lists();
  });

  it('is not that of another pipeline file', async () => {
    plant();
    await stand();
    expect(await lists('a')).toBe(true);
  });

  it('is not believed once the clock was set back, or before all has settled', async () => {
    plant();
    clock = { ahead: 0, boot: 10 * HOUR };
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
    rmSync(join(top, 'cache/empty.git'), { recursive: true, force: true });
    writeFileSync(join(top, 'cache/empty.git'), '');
    await lists();
    write('a', 'other');
    await lists();
  });
});

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
      git('worktree', 'add', '-q', join(top, 'other'));
      root = join(top, 'other');
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
  for (let time = 0; time < 2; time++) await lists();
});

it('what a sparse checkout left out is looked for', async () => {
  plant();
  git('commit', '-qm', 'x');
  git('sparse-checkout', 'set', 'sub');
  for (let time = 0; time < 2; time++) await lists();
  write('a', 'A');
  for (let time = 0; time < 2; time++) await lists();
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
    git('config', key, `touch ${top}/ran; false`);
  await stand();
  write('a', 'A');
  await read();
  expect(existsSync(join(top, 'ran'))).toBe(false);
});

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
  git('init', '-q');
  for (let number = 0; number < 30; number++) write(`more/${number % 5}/${number}`);
  for (const path of ['a', 'b', 'sub/a', 'sub/deep/b']) write(path);
  write('.gitignore', 'sub/.gitignore\n');
  mkdirSync(at('empty'));
  git('add', '.');
  let stood = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(changes, { minLength: 1, maxLength: 2 }), async (round) => {
      round.forEach(apply);
      for (let time = 0; time < 2; time++) if (!(await lists())) stood++;
    }),
    { numRuns: 40 },
  );
  expect(stood).toBeGreaterThan(5);
}, 120_000);
