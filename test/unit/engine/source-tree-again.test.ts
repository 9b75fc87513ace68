// A tree is known whole from its index as long as nothing that it follows from changed, and is read anew else.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { STAMP } from '../../../engine/git-entries.ts';
import { loadTable, saveTable, type Header, type Row } from '../../../engine/index-table.ts';
import { readSourceTree, type SourceTree } from '../../../engine/source-tree.ts';
import { at, folderForEach, HOUR, nextTick, rig, write } from './source-folder.ts';

const environment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };

folderForEach();
beforeEach(() => {
  git('init', '-q');
});

function git(...words: string[]): void {
  const settings = ['-c', 'user.name=n', '-c', 'user.email=e@x'];
  execFileSync('git', [...settings, ...words], { cwd: rig.root, env: environment, stdio: 'pipe' });
}

async function read(pipelineFile = 'x', ...indexes: string[]): Promise<SourceTree> {
  // Later by so much that files which were written just now have settled.
  const clock = { now: () => Date.now() + HOUR, bootedAt: () => 0 };
  const request = { root: rig.root, pipelineFile, environment, clock };
  const tree = await readSourceTree({ ...request, ...(indexes[0] !== undefined && { index: indexes[0] }) });
  if (!tree.ok) throw new Error(tree.failure.message);
  nextTick();
  return tree.value;
}

/** Puts a digest into the index that only a tree from there can have. False: the index knows no whole tree. */
function mark(): boolean {
  const headers: Header[] = [];
  const { paths, stamps, digests, whole } = loadTable(rig.index, (saved) => {
    headers.push(saved);
    return true;
  });
  const rows = paths.map((path, row): Row => {
    const stamp = stamps.subarray(row * STAMP, (row + 1) * STAMP);
    return { path, stamp, digest: digests.slice(row * 64, row * 64 + 64) };
  });
  const [header] = headers;
  if (whole === null || header === undefined) return false;
  saveTable(rig.index, header, rows, { ...whole, digest: 'marked' });
  return true;
}

function plant(): void {
  for (const path of ['a', 'run', 'sub/a.md', 'sub/deep/b', 'caf\u00e9', 'wrong\udcffbyte']) write(path);
  chmodSync(at('run'), 0o755);
  write('.gitignore', 'ignored\n.lockstepignore\n');
  write('ignored/file');
  write('.lockstepignore', '*.md\n!a.md\n');
  symlinkSync('sub', at('link'));
  git('add', '.');
}

describe('a tree that is the same', () => {
  it.each<[string, () => void]>([
    ['nothing', () => undefined],
    [
      'a commit',
      () => {
        git('commit', '-qm', 'x');
      },
    ],
    [
      'what git ignores',
      () => {
        write('ignored/other');
      },
    ],
    [
      'a run',
      () => {
        write('.lockstep/.gitignore', '*\n');
        write('.lockstep/runs/1/result.json');
      },
    ],
  ])('is known whole after %s', async (_, edit) => {
    plant();
    const first = await read('x', rig.index);
    expect(mark()).toBe(true);
    edit();
    expect(await read('x', rig.index)).toEqual({ ...first, digest: 'marked' });
    expect(await read('x')).toEqual(first);
  });
});

const edited = (path: string) => (): void => {
  write(path, 'edited');
};

describe('a tree is read anew', () => {
  it.each<[string, () => void]>([
    ['content', edited('a')],
    [
      'content of the same size and mtime',
      () => {
        const { atime, mtime } = statSync(at('a'));
        write('a', 'b');
        utimesSync(at('a'), atime, mtime);
      },
    ],
    [
      'a mode',
      () => {
        chmodSync(at('a'), 0o755);
      },
    ],
    [
      "a link's target",
      () => {
        rmSync(at('link'));
        symlinkSync('a', at('link'));
      },
    ],
    [
      'a link that became a folder',
      () => {
        rmSync(at('link'));
        write('link/a');
      },
    ],
    ['a new file', edited('new')],
    [
      'a deleted file',
      () => {
        rmSync(at('a'));
      },
    ],
    [
      'a folder that became a link to itself elsewhere',
      () => {
        renameSync(at('moved'), at('ignored/moved'));
        symlinkSync('ignored/moved', at('moved'));
      },
    ],
    [
      'the .lockstepignore at the top, though git ignores it',
      () => {
        write('.lockstepignore', 'b\n');
      },
    ],
    [
      'a .lockstepignore that is gone',
      () => {
        rmSync(at('.lockstepignore'));
      },
    ],
    [
      'a new one in a sub folder, though git ignores it',
      () => {
        write('sub/deep/.lockstepignore', '*\n');
      },
    ],
    [
      'a new one in a folder of which nothing is taken yet',
      () => {
        write('notes/.lockstepignore', '!*.md\n');
      },
    ],
    [
      'git rm --cached of what git ignores',
      () => {
        git('rm', '-q', '--cached', 'kept');
      },
    ],
    [
      'git add -f',
      () => {
        git('add', '-f', 'ignored/file');
      },
    ],
    [
      'a mode in the index',
      () => {
        git('config', 'core.fileMode', 'false');
        git('update-index', '--chmod=+x', 'a');
      },
    ],
    [
      'a nested repository',
      () => {
        write('sub/deep/c');
        git('init', '-q', 'sub/deep');
      },
    ],
  ])('after %s', async (_, edit) => {
    write('kept');
    write('notes/n.md');
    write('moved/m');
    git('add', '.');
    plant();
    write('.gitignore', 'ignored\n.lockstepignore\nkept\nmoved\n');
    await read('x', rig.index);
    expect(mark()).toBe(true);
    edit();
    expect(await read('x', rig.index)).toEqual(await read('x'));
  });

  it('when another pipeline file is left out', async () => {
    plant();
    await read('x', rig.index);
    expect(mark()).toBe(true);
    expect(await read('a', rig.index)).toEqual(await read('a'));
  });

  it('while the state folder is none', async () => {
    plant();
    await read('x', rig.index);
    expect(mark()).toBe(true);
    symlinkSync('ignored', at('.lockstep'));
    await expect(read('x', rig.index)).rejects.toThrow('is no folder');
  });

  it('while it has other repositories, or bits that are not git’s', async () => {
    plant();
    write('nested/n');
    git('init', '-q', 'nested');
    await read('x', rig.index);
    expect(mark()).toBe(false);
    write('nested/n', 'other');
    expect(await read('x', rig.index)).toEqual(await read('x'));
    rmSync(at('nested'), { recursive: true });
    git('update-index', '--chmod=+x', 'a');
    expect(await read('x', rig.index)).toEqual(await read('x'));
    expect(mark()).toBe(false);
    git('config', 'core.fileMode', 'false');
    expect(await read('x', rig.index)).toEqual(await read('x'));
  });
});

const paths = [
  'a',
  'sub/a',
  'sub/b',
  'other/.lockstepignore',
  'sub/.lockstepignore',
  'ignored/a',
  '.gitignore',
];
const edits = fc.record({
  kind: fc.constantFrom(
    'write',
    'remove',
    'move',
    'mode',
    'link',
    'add',
    'forget',
    'bit',
    'config',
    'hidden',
  ),
  path: fc.constantFrom(...paths),
  other: fc.constantFrom(...paths),
  text: fc.constantFrom('a\n', 'b\n', '*\n', '!a\n', 'ignored\n'),
});
type Edit = typeof edits extends fc.Arbitrary<infer One> ? One : never;

function apply({ kind, path, other, text }: Edit): void {
  const stats = lstatSync(at(path), { throwIfNoEntry: false });
  if (kind === 'add') git('add', '-fA', '.');
  else if (kind === 'forget') git('rm', '-rfq', '--cached', '--ignore-unmatch', path);
  else if (kind === 'config') git('config', 'core.fileMode', text === 'a\n' ? 'false' : 'true');
  else if (kind === 'link') {
    rmSync(at(path), { force: true });
    symlinkSync(other, at(path));
  } else if (kind === 'write' || !stats?.isFile()) {
    rmSync(at(path), { force: true });
    write(path, text);
  } else if (kind === 'remove') rmSync(at(path));
  else if (kind === 'mode') chmodSync(at(path), (stats.mode & 0o777) ^ 0o111);
  else if (kind === 'move' && path !== other) {
    rmSync(at(other), { force: true });
    renameSync(at(path), at(other));
  } else if (kind === 'bit') {
    git('add', '-f', path);
    git('update-index', `--chmod=${text === 'a\n' ? '+' : '-'}x`, path);
  } else if (kind === 'hidden') {
    writeFileSync(at(path), text);
    utimesSync(at(path), stats.atime, stats.mtime);
  }
}

it('is, with an index, what it is without, after any edits', async () => {
  for (const path of ['a', 'sub/a', 'sub/b', 'ignored/a']) write(path);
  mkdirSync(at('other'));
  await fc.assert(
    fc.asyncProperty(fc.array(edits, { maxLength: 3 }), async (round) => {
      round.forEach(apply);
      const truth = await read('x');
      expect(await read('x', rig.index)).toEqual(truth);
      expect(await read('x', rig.index)).toEqual(truth);
    }),
    { numRuns: 40 },
  );
}, 60_000);
