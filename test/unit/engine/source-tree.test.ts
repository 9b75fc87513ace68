import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRoot } from '../../../engine/source-root.ts';
import { readSourceTree, visibleEntries, type SourceTree } from '../../../engine/source-tree.ts';
import { diskPath } from '../../../src/model/path-bytes.ts';

let root: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-source-')));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const environment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };

function git(folder: string, ...words: string[]): string {
  const settings = ['-c', 'user.name=n', '-c', 'user.email=e@x', '-c', 'protocol.file.allow=always'];
  return execFileSync('git', [...settings, ...words], {
    cwd: folder,
    env: environment,
    stdio: 'pipe',
  }).toString();
}

function write(path: string, text = path, mode = 0o644): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(diskPath(root, path), text, { mode });
}

const read = (more: { pipelineFile?: string; environment?: NodeJS.ProcessEnv } = {}) =>
  readSourceTree({ root, pipelineFile: 'lockstep.yml', environment, ...more });

async function readOk(
  more: { pipelineFile?: string; environment?: NodeJS.ProcessEnv } = {},
): Promise<SourceTree> {
  const tree = await read(more);
  if (!tree.ok) throw new Error(JSON.stringify(tree.failure));
  return tree.value;
}

const paths = async (): Promise<string[]> => (await readOk()).entries.map(({ path }) => path);

const failureCode = async (): Promise<string> => {
  const tree = await read();
  return tree.ok ? 'none' : tree.failure.code;
};

describe('with git', () => {
  beforeEach(() => git(root, 'init', '-q'));

  it('takes what is tracked or not ignored, as it lies in the work tree', async () => {
    write('.gitignore', '*.log\nbuild/\n');
    write('kept.log');
    write('gone');
    write('bin/run', '#!/bin/sh\n', 0o755);
    symlinkSync('nowhere', join(root, 'link'));
    git(root, 'add', '-f', '.');
    git(root, 'commit', '-qm', 'x');
    rmSync(join(root, 'gone'));
    write('bin/run', 'changed');
    write('new');
    write('build/out');
    write('other.log');
    write('later');
    git(root, 'add', '-N', 'later');
    const tree = await readOk();
    expect(tree.entries.map(({ path }) => path)).toEqual([
      '.gitignore',
      'bin/run',
      'kept.log',
      'later',
      'link',
      'new',
    ]);
    expect(tree.entries[1]).toEqual({
      type: 'file',
      path: 'bin/run',
      executable: true,
      digest: `sha256:${createHash('sha256').update('changed').digest('hex')}`,
      size: 7,
    });
    expect(tree.entries[4]).toEqual({ type: 'link', path: 'link', target: 'nowhere' });
  });

  it('takes names in any bytes', async () => {
    const names = [
      '-rf',
      ' space ',
      '"quote\'',
      'caf\u00e9',
      'new\nline',
      'tab\tname',
      'wrong\udcffbyte',
      '\\',
    ];
    for (const name of names) write(name);
    git(root, 'add', '-A', '.');
    for (const name of names) write(`untracked/${name}`);
    expect(new Set(await paths())).toEqual(new Set([...names, ...names.map((name) => `untracked/${name}`)]));
  });

  it('keeps to the index where a folder or a link took the place of what is tracked', async () => {
    write('was-file');
    write('was-folder/a');
    write('elsewhere/a');
    git(root, 'add', '.');
    rmSync(join(root, 'was-file'));
    write('was-file/now');
    rmSync(join(root, 'was-folder'), { recursive: true });
    symlinkSync('elsewhere', join(root, 'was-folder'));
    expect(await paths()).toEqual(['elsewhere/a', 'was-file/now', 'was-folder']);
  });

  it('never looks behind a link that git ignores', async () => {
    write('folder/a');
    write('elsewhere/a');
    git(root, 'add', '.');
    rmSync(join(root, 'folder'), { recursive: true });
    symlinkSync('elsewhere', join(root, 'folder'));
    write('.gitignore', 'folder\n');
    expect(await paths()).toEqual(['.gitignore', 'elsewhere/a']);
  });

  it('takes a file once while a merge is under way', async () => {
    write('a', 'base\n');
    git(root, 'add', '.');
    git(root, 'commit', '-qm', 'base');
    git(root, 'checkout', '-qb', 'other');
    write('a', 'other\n');
    git(root, 'commit', '-qam', 'other');
    git(root, 'checkout', '-q', '-');
    write('a', 'mine\n');
    git(root, 'commit', '-qam', 'mine');
    expect(() => git(root, 'merge', 'other')).toThrow();
    expect(await paths()).toEqual(['a']);
  });

  it('takes what a sparse checkout has', async () => {
    write('in/a');
    write('out/b');
    git(root, 'add', '.');
    git(root, 'commit', '-qm', 'x');
    git(root, 'sparse-checkout', 'set', 'in');
    expect(await paths()).toEqual(['in/a']);
  });

  it('takes submodules and nested repositories as they lie there', async () => {
    const module = mkdtempSync(join(tmpdir(), 'lockstep-module-'));
    git(module, 'init', '-q');
    writeFileSync(join(module, 'm'), 'm');
    git(module, 'add', '.');
    git(module, 'commit', '-qm', 'm');
    git(root, 'submodule', '--quiet', 'add', module, 'libs/module');
    write('libs/module/untracked');
    write('libs/module/.gitignore', 'ignored\n');
    write('libs/module/ignored');
    write('nested/n');
    git(join(root, 'nested'), 'init', '-q');
    write('empty/e');
    git(root, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},empty`);
    rmSync(module, { recursive: true });
    expect(await paths()).toEqual([
      '.gitmodules',
      'empty/e',
      'libs/module/.gitignore',
      'libs/module/m',
      'libs/module/untracked',
      'nested/n',
    ]);
  });

  it('lets .lockstepignore take away, tracked files too', async () => {
    for (const path of ['docs/a.md', 'docs/keep.md', 'src/x.md', 'src/gen/y', 'src/gen.ts']) write(path);
    write('.lockstepignore', 'docs/*\n!docs/keep.md\n');
    write('src/.lockstepignore', '# generated\n/gen/\n');
    git(root, 'add', '.');
    expect(await paths()).toEqual([
      '.lockstepignore',
      'docs/keep.md',
      'src/.lockstepignore',
      'src/gen.ts',
      'src/x.md',
    ]);
  });

  it.each([
    ['with CRLF and a byte order mark', '\ufeff*.md\r\n!keep.md\r\n'],
    ['without an end of line', '*.md\n!keep.md'],
  ])('reads a .lockstepignore %s', async (_, text) => {
    for (const path of ['a.md', 'keep.md', 'sub/a.md']) write(path);
    write('.lockstepignore', text);
    expect(await paths()).toEqual(['.lockstepignore', 'keep.md']);
  });

  it('follows no link to a .lockstepignore', async () => {
    for (const path of ['a.md', 'sub/a.md', 'rules']) write(path);
    write('rules', '*.md\n');
    symlinkSync('../rules', join(root, 'sub/.lockstepignore'));
    git(root, 'add', '.');
    expect(await paths()).toEqual(['a.md', 'rules', 'sub/.lockstepignore', 'sub/a.md']);
  });

  it('asks each repository for itself whether it trusts the bits on disk', async () => {
    for (const path of ['mine', 'nested/theirs']) write(path, 'x', 0o755);
    git(join(root, 'nested'), 'init', '-q');
    git(root, 'add', 'mine');
    git(join(root, 'nested'), 'config', 'core.fileMode', 'false');
    const bits = async () =>
      (await readOk()).entries.map((entry) => entry.type === 'file' && [entry.path, entry.executable]);
    expect(await bits()).toEqual([
      ['mine', true],
      ['nested/theirs', false],
    ]);
    git(join(root, 'nested'), 'add', '--chmod=+x', 'theirs');
    expect(await bits()).toEqual([
      ['mine', true],
      ['nested/theirs', true],
    ]);
  });

  it('takes executable bits from the index where git does not trust the disk', async () => {
    write('run', 'x', 0o755);
    write('text', 'x', 0o644);
    git(root, 'add', '.');
    git(root, 'config', 'core.fileMode', 'false');
    chmodSync(join(root, 'run'), 0o644);
    chmodSync(join(root, 'text'), 0o755);
    write('new', 'x', 0o755);
    const tree = await readOk();
    expect(tree.entries.map((entry) => entry.type === 'file' && [entry.path, entry.executable])).toEqual([
      ['new', false],
      ['run', true],
      ['text', false],
    ]);
  });

  it('leaves special files out', async () => {
    write('a');
    git(root, 'add', '.');
    rmSync(join(root, 'a'));
    execFileSync('mkfifo', [join(root, 'a'), join(root, 'b')]);
    expect(await paths()).toEqual([]);
  });

  it('is not led astray by the environment of a hook, nor by a monitor that the repository names', async () => {
    write('a');
    write('monitor', '#!/bin/sh\ntouch ran\n', 0o755);
    git(root, 'config', 'core.fsmonitor', join(root, 'monitor'));
    const hook = {
      ...environment,
      GIT_DIR: '/nowhere',
      GIT_WORK_TREE: '/nowhere',
      GIT_INDEX_FILE: '/nowhere/i',
    };
    const tree = await readOk({ environment: hook });
    expect(tree.entries.map(({ path }) => path)).toEqual(['a', 'monitor']);
    expect(existsSync(join(root, 'ran'))).toBe(false);
  });

  it.skipIf(process.getuid?.() !== 0)("reads another user's work tree", async () => {
    write('a');
    execFileSync('chown', ['-R', '12345', root]);
    expect(() => git(root, 'status')).toThrow(/dubious ownership/);
    expect(await paths()).toEqual(['a']);
  });

  it('takes a failure of git as one, never as no git', async () => {
    writeFileSync(join(root, '.git/HEAD'), 'garbage');
    expect(await failureCode()).toBe('git-failed');
    rmSync(join(root, '.git'), { recursive: true });
    mkdirSync(join(root, '.git'));
    expect(await failureCode()).toBe('git-failed');
  });

  it('says that git is not installed', async () => {
    const tree = await read({ environment: { PATH: '/nonexistent' } });
    expect(tree).toMatchObject({ ok: false, failure: { code: 'git-failed', hint: 'install git' } });
  });

  it('refuses a state folder that is a link or tracked', async () => {
    write('.lockstep/x');
    git(root, 'add', '.');
    expect(await failureCode()).toBe('state-folder-unsafe');
    git(root, 'rm', '-rq', '--cached', '.lockstep');
    expect(await paths()).toEqual([]);
    renameSync(join(root, '.lockstep'), join(root, 'state'));
    symlinkSync('state', join(root, '.lockstep'));
    expect(await failureCode()).toBe('state-folder-unsafe');
  });
});

describe('without git', () => {
  it('takes every file that no .gitignore names, never .git', async () => {
    write('.gitignore', 'logs\n*.tmp\n!keep.tmp\n/top\n');
    for (const path of ['a.tmp', 'keep.tmp', 'top', 'sub/top', 'logs/x', 'sub/logs/x', 'sub/.git/config'])
      write(path);
    write('sub/.gitignore', '!logs\n');
    symlinkSync('logs', join(root, 'sub/link'));
    expect(await paths()).toEqual([
      '.gitignore',
      'keep.tmp',
      'sub/.gitignore',
      'sub/link',
      'sub/logs/x',
      'sub/top',
    ]);
  });

  it('gives the same digest as with git, whatever the times', async () => {
    write('.gitignore', 'out\n');
    write('a/b', 'x', 0o755);
    write('out/c');
    const plain = await readOk();
    git(root, 'init', '-q');
    git(root, 'add', '.');
    utimesSync(join(root, 'a/b'), 1, 1);
    expect((await readOk()).digest).toBe(plain.digest);
    write('a/b', 'y');
    expect((await readOk()).digest).not.toBe(plain.digest);
  });

  it.skipIf(process.getuid?.() === 0)('names a file that cannot be read', async () => {
    write('secret', 'x', 0o000);
    const tree = await read();
    expect(tree).toMatchObject({
      failure: { code: 'source-unreadable', message: `cannot read ${root}/secret` },
    });
  });

  it('hashes large files piece by piece', async () => {
    const content = Buffer.alloc(3_000_000, 'lockstep');
    writeFileSync(join(root, 'large'), content);
    const [large] = (await readOk()).entries;
    expect(large).toMatchObject({
      size: 3_000_000,
      digest: `sha256:${createHash('sha256').update(content).digest('hex')}`,
    });
  });

  it('stops when it is told to', async () => {
    write('a');
    const tree = await readSourceTree({ root, pipelineFile: 'x', environment, signal: AbortSignal.abort() });
    expect(tree).toMatchObject({ ok: false, failure: { code: 'interrupted' } });
  });
});

describe('the pipeline file and the lock file', () => {
  it('are in no digest, and seen only by who names them without a wildcard', async () => {
    write('ci/pipeline.yml');
    write('lockstep.lock');
    write('lockstep.yml');
    write('a');
    const tree = await readOk({ pipelineFile: 'ci/pipeline.yml' });
    expect(tree.entries.map(({ path }) => path)).toEqual(['a', 'lockstep.yml']);
    const seen = (...globs: string[]): string[] => visibleEntries(tree, globs).map(({ path }) => path);
    expect(seen('**', 'ci')).toEqual(['a', 'lockstep.yml']);
    expect(seen('ci/pipeline.yml', 'lockstep.lock')).toEqual(['ci/pipeline.yml', 'lockstep.lock']);
    write('ci/pipeline.yml', 'changed');
    rmSync(join(root, 'lockstep.lock'));
    expect((await readOk({ pipelineFile: 'ci/pipeline.yml' })).digest).toBe(tree.digest);
  });
});

describe('the root', () => {
  it('is the top level of git, else the folder', () => {
    mkdirSync(join(root, 'a/b'), { recursive: true });
    expect(findRoot(join(root, 'a/b'))).toBe(join(root, 'a/b'));
    git(root, 'init', '-q');
    expect(findRoot(join(root, 'a/b'))).toBe(root);
    symlinkSync('a/b', join(root, 'link'));
    expect(findRoot(join(root, 'link'))).toBe(root);
  });
});
