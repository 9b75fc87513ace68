// Archives that come out of a container → the tree in the folder of an artifact, whole or not at all.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { collectTree, treeOfFolder } from '../../../engine/archive.ts';
import { tarHeader } from '../../../engine/tar-header.ts';
import { fail, ok } from '../../../src/model/failure.ts';
import { treeDigest } from '../../../src/model/tree.ts';
import { codeOf, collect, folderForEach, inPieces, paths, rig, tarOf, type Item } from './collected.ts';

folderForEach();

describe('what comes out of a container', () => {
  it('lies in the folder under its workspace paths', async () => {
    const dist = await tarOf(
      { name: 'dist/', type: 'directory' },
      { name: 'dist/run', mode: 0o4755, content: '#!' },
      { name: 'dist/sub/', type: 'directory' },
      { name: 'dist/sub/link', type: 'symlink', linkname: '../run' },
      { name: 'dist/empty/', type: 'directory' },
      { name: 'dist/skipped.map' },
    );
    const report = await tarOf({ name: 'r.xml', content: '<x/>' });
    const tree = await collect({ dist, 'out/r.xml': report }, [
      'dist',
      'out/r.xml',
      '!**/*.map',
      'not/there',
    ]);
    expect(paths(tree)).toEqual([
      'folder dist/empty',
      'file dist/run',
      'link dist/sub/link',
      'file out/r.xml',
    ]);
    expect(readFileSync(join(rig.into, 'out/r.xml'), 'utf8')).toBe('<x/>');
    expect(statSync(join(rig.into, 'dist/run')).mode & 0o7111).toBe(0o111);
  });

  it('leaves no folder when nothing is taken, not even of an earlier time', async () => {
    mkdirSync(join(rig.into, 'old'), { recursive: true });
    const tree = await collect(
      { '': await tarOf({ name: 'work/', type: 'directory' }, { name: 'work/a' }) },
      ['*.js'],
    );
    expect(tree).toEqual(ok([]));
    expect(existsSync(rig.into)).toBe(false);
  });

  it('takes the place of what an earlier time left', async () => {
    mkdirSync(join(rig.into, 'old'), { recursive: true });
    expect(paths(await collect({ '': await tarOf({ name: 'work/a' }) }))).toEqual(['file a']);
  });

  it('has names in any bytes, short and long', async () => {
    const owner = { uid: 0, gid: 0 };
    const file = (name: Buffer): Buffer =>
      tarHeader({ type: 'file', name, executable: false, target: Buffer.alloc(0), size: 0 }, owner);
    const wrong = Buffer.of(0x61, 0xff);
    const long = Buffer.concat([Buffer.from('work/'), wrong, Buffer.alloc(150, 'n')]);
    const tar = Buffer.concat([
      file(Buffer.concat([Buffer.from('work/'), wrong])),
      file(long),
      Buffer.alloc(1024),
    ]);
    expect(paths(await collect({ '': tar }))).toEqual(['file a\udcff', `file a\udcff${'n'.repeat(150)}`]);
  });

  it('reads what GNU tar writes', async () => {
    const source = join(rig.base, 'work');
    const deep = `${'d/'.repeat(80)}${'f'.repeat(150)}`;
    mkdirSync(join(source, 'd/'.repeat(80)), { recursive: true });
    writeFileSync(join(source, deep), 'deep');
    symlinkSync('x'.repeat(200), join(source, 'link'));
    const there = await treeOfFolder(source);
    for (const format of ['gnu', 'pax', 'posix']) {
      const tar = execFileSync('tar', [`--format=${format}`, '-c', '-C', rig.base, 'work']);
      expect(await collect({ '': tar })).toEqual(there);
    }
  });

  it('holds hard links as files of their own, also of what is not taken', async () => {
    const hard = (name: string, linkname: string): Item => ({ name, type: 'link', linkname });
    const tar = await tarOf(
      { name: 'work/out', content: 'outside', mode: 0o755 },
      { name: 'work/soft', type: 'symlink', linkname: 'out' },
      { name: 'work/dist/a', content: 'inside' },
      hard('work/dist/b', 'work/dist/a'),
      hard('work/dist/c', 'work/out'),
      hard('work/dist/d', 'work/out'),
      hard('work/dist/soft', 'work/soft'),
    );
    const alone = { out: await tarOf({ name: 'out', content: 'outside', mode: 0o755 }) };
    const soft = { soft: await tarOf({ name: 'soft', type: 'symlink', linkname: 'out' }) };
    const tree = await collect({ '': tar, ...alone, ...soft }, ['**/dist', '!out', '!soft']);
    expect(paths(tree)).toEqual([
      'file dist/a',
      'file dist/b',
      'file dist/c',
      'file dist/d',
      'link dist/soft',
    ]);
    expect(readFileSync(join(rig.into, 'dist/b'), 'utf8')).toBe('inside');
    expect(readFileSync(join(rig.into, 'dist/d'), 'utf8')).toBe('outside');
    expect(codeOf(await collect({ '': tar, ...soft }, ['**/dist']))).toBe('archive-broken');
  });

  it('takes the last of two entries with one name', async () => {
    const tar = await tarOf(
      { name: 'work/a', content: 'first' },
      { name: 'work/l', type: 'symlink', linkname: 'a' },
      { name: 'work/a', content: 'last' },
      { name: 'work/l', content: 'file' },
    );
    expect(paths(await collect({ '': tar }))).toEqual(['file a', 'file l']);
    expect(readFileSync(join(rig.into, 'a'), 'utf8')).toBe('last');
  });

  it('passes on what the sandbox says', async () => {
    const lost = fail('environment', 'engine-lost', 'gone');
    const tree = await collectTree({
      prefixes: [''],
      select: () => true,
      into: rig.into,
      get: () => Promise.resolve(lost),
    });
    expect(tree).toEqual(lost);
  });

  it.each([true, false])('appears only after a look at all of it that finds nothing: %s', async (fine) => {
    const refused = fail('pipeline', 'secret-in-artifact', 'no');
    const tar = await tarOf({ name: 'work/a', content: 'one' });
    const seen: string[] = [];
    const tree = await collectTree({
      prefixes: [''],
      select: () => true,
      into: rig.into,
      get: () => Promise.resolve(ok(inPieces(tar))),
      check: (folder, entries) => {
        seen.push(readFileSync(join(folder, 'a'), 'utf8'), ...entries.map(({ path }) => path));
        seen.push(String(existsSync(rig.into)));
        return Promise.resolve(fine ? null : refused.failure);
      },
    });
    expect(seen).toEqual(['one', 'a', 'false']);
    expect(readdirSync(dirname(rig.into))).toEqual(fine ? [basename(rig.into)] : []);
    if (fine) expect(tree).toEqual(await treeOfFolder(rig.into));
    else expect(tree).toEqual(refused);
  });
});

describe('a disk that does not take it', () => {
  it('is named when a file lies where a folder should be', async () => {
    writeFileSync(join(rig.base, 'run'), '');
    const tree = await collectTree({
      prefixes: [],
      select: () => true,
      into: rig.into,
      get: () => Promise.resolve(ok(null)),
    });
    expect(codeOf(tree)).toBe('artifact-unwritable');
  });

  it.skipIf(!canMount())('is named when it is full, and nothing is left', async () => {
    mkdirSync(join(rig.base, 'run'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', join(rig.base, 'run')]);
    try {
      const tree = await collect({ '': await tarOf({ name: 'work/a', content: 'x'.repeat(200_000) }) });
      expect(codeOf(tree)).toBe('disk-full');
      expect(readdirSync(join(rig.into, '..'))).toEqual([]);
    } finally {
      execFileSync('umount', [join(rig.base, 'run')]);
    }
  });
});

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', folder], { stdio: 'ignore' });
    execFileSync('umount', [folder]);
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('a folder read again', () => {
  it('is the tree that was collected, and another when a byte differs', async () => {
    const tree = await collect({
      '': await tarOf({ name: 'work/a', content: 'x' }, { name: 'work/e/', type: 'directory' }),
    });
    writeFileSync(join(rig.into, 'a'), 'y');
    const again = await treeOfFolder(rig.into);
    expect(paths(again)).toEqual(paths(tree));
    expect(again.ok && tree.ok && treeDigest(again.value) !== treeDigest(tree.value)).toBe(true);
  });

  it('is empty when it is not there', async () => {
    expect(await treeOfFolder(join(rig.base, 'nowhere'))).toEqual(ok([]));
  });
});
