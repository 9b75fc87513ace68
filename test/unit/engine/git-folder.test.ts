import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../../../engine/disk-tree.ts';
import { gitCredentials, gitItems } from '../../../engine/git-folder.ts';
import { packTar, type PackItem } from '../../../engine/tar-writer.ts';

let base: string;
let root: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-git-')));
  root = join(base, 'root');
  mkdirSync(root);
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

const git = (...words: string[]): string =>
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...words], {
    cwd: root,
    encoding: 'utf8',
    stdio: 'pipe',
  });

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const withUrl = (password: string): string => `[remote "o"]\n\turl = https://me:${password}@host/x\n`;
const names = (): string[] => gitCredentials(root).map(({ name, value }) => `${name} ${value}`);

describe('credentials of a checkout', () => {
  test('are those of its config, of a worktree’s and of submodules, theirs as well', () => {
    write('.git/config', withUrl('one'));
    write('.git/config.worktree', withUrl('two'));
    write('.git/modules/lib/a/config', withUrl('three'));
    write('.git/modules/lib/a/modules/b/config', withUrl('four'));
    write('.git/modules/lib/a/refs/config', withUrl('none'));
    write('.git/hooks/config', withUrl('none'));
    expect(names()).toEqual([
      '.git/config one',
      '.git/config me:one',
      '.git/config.worktree two',
      '.git/config.worktree me:two',
      '.git/modules/lib/a/config three',
      '.git/modules/lib/a/config me:three',
      '.git/modules/lib/a/modules/b/config four',
      '.git/modules/lib/a/modules/b/config me:four',
    ]);
  });

  test('in a linked worktree are those of its repository too', () => {
    git('init', '-q', base);
    git('-C', base, 'commit', '-q', '--allow-empty', '-m', 'x');
    git('-C', base, 'config', 'extensions.worktreeConfig', 'true');
    git('-C', base, 'config', 'remote.o.url', 'https://me:one@host/x');
    git('-C', base, 'worktree', 'add', '-q', join(root, 'tree'));
    root = join(root, 'tree');
    git('config', '--worktree', 'remote.p.url', 'https://me:two@host/x');
    expect(names()).toEqual([
      '../../.git/worktrees/tree/config.worktree two',
      '../../.git/worktrees/tree/config.worktree me:two',
      '../../.git/config one',
      '../../.git/config me:one',
    ]);
  });

  test('are none where nothing can be read', () => {
    expect(names()).toEqual([]);
    for (const text of ['', 'gitdir: nowhere\n', 'no pointer', `gitdir: ${'../'.repeat(3)}`]) {
      write('.git', text);
      expect(names()).toEqual([]);
    }
    rmSync(join(root, '.git'));
    symlinkSync('.git', join(root, '.git'));
    expect(names()).toEqual([]);
    rmSync(join(root, '.git'));
    mkdirSync(join(root, '.git/config'), { recursive: true });
    expect(names()).toEqual([]);
  });
});

async function items(): Promise<readonly PackItem[]> {
  const found = await gitItems(root);
  if (!found.ok) throw new Error(found.failure.message);
  return found.value;
}

/** What a sandbox would get, as a folder. */
async function unpacked(): Promise<string> {
  const packed = packTar(await items(), { owner: { uid: 0, gid: 0 }, prefix: 'work' });
  const into = mkdtempSync(join(base, 'out-'));
  const input = Buffer.concat(await Array.fromAsync(packed.chunks));
  expect(packed.failure()).toBeUndefined();
  execFileSync('tar', ['-x', '-p', '--no-same-owner', '-C', into], { input });
  return join(into, 'work');
}

describe('what travels of .git', () => {
  const password = 'hunter2hunter2';

  /** Files with a credential in them, and whatever git itself made, objects and an index included. */
  function checkout(): void {
    git('init', '-q', '-b', 'main');
    write('file', 'x');
    git('add', '.');
    git('commit', '-q', '-m', 'one');
    git('config', 'remote.origin.url', `https://me:${password}@host/x.git`);
    git('config', 'http.https://host/.extraheader', `AUTHORIZATION: bearer ${password}`);
    write('.git/modules/objects/config', withUrl(password));
    write('.git/modules/refs/FETCH_HEAD', `0\t\thttps://me:${password}@host/x\n`);
    write('.git/credentials', `https://me:${password}@host\n`);
    write(
      '.git/logs/refs/heads/objects/x',
      `0 1 t <t@example.com> 0 +0000\tpull https://me:${password}@host\n`,
    );
    appendFileSync(
      join(root, '.git/logs/HEAD'),
      `0 1 pull -q https://me:${password}@host main: Fast-forward\n`,
    );
  }

  test('is without credentials, and a repository to git', async () => {
    checkout();
    const work = await unpacked();
    const found = (folder: string): string =>
      execFileSync('sh', ['-c', `grep -rl ${password} "$1" | wc -l`, '-', folder], {
        encoding: 'utf8',
      }).trim();
    expect(found(root)).toBe('6');
    expect(found(work)).toBe('0');
    const remote = ['-C', work, 'config', '--get', 'remote.origin.url'];
    expect(git(...remote)).toBe('https://host/x.git\n');
    expect(git('-C', work, 'log', '-1', '--format=%s')).toBe('one\n');
    expect(git('-C', work, 'fsck', '--strict')).toBe('');
  });

  test('is all else as it lies there', async () => {
    checkout();
    write('.git/binary', `https://me:${password}@host\0`);
    const replaced = (await items()).filter(({ bytes }) => bytes !== undefined);
    expect(replaced.map(({ entry }) => entry.path).sort()).toEqual([
      '.git/config',
      '.git/credentials',
      '.git/logs/HEAD',
      '.git/logs/refs/heads/objects/x',
      '.git/modules/objects/config',
      '.git/modules/refs/FETCH_HEAD',
    ]);
    for (const { entry, bytes } of replaced) {
      expect(entry).toMatchObject({ size: bytes?.length, digest: digestOf(bytes ?? Buffer.of()) });
    }
  });

  test('has no digest of a token: another token, the same entries', async () => {
    write('.git/HEAD', 'ref: refs/heads/main\n');
    const digests = async (token: string): Promise<unknown> => {
      write('.git/config', `[http]\n\textraheader = AUTHORIZATION: bearer ${token}\n${withUrl(token)}`);
      return (await items()).map(({ entry }) => entry);
    };
    expect(await digests('one')).toEqual(await digests('another'));
  });

  test('is a failure where .git is no folder', async () => {
    write('.git', 'gitdir: elsewhere\n');
    expect(await gitItems(root)).toMatchObject({ ok: false, failure: { code: 'git-folder' } });
  });
});
