import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { pack, type Header } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectTree, treeOfFolder, type TarStream } from '../../../engine/archive.ts';
import { tarHeader } from '../../../engine/tar-header.ts';
import { compileGlobs, staticPrefixes } from '../../../src/model/glob.ts';
import { fail, ok, type Outcome } from '../../../src/model/failure.ts';
import { treeDigest, type TreeEntry } from '../../../src/model/tree.ts';

let base: string;
let into: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'lockstep-archive-'));
  into = join(base, 'run/artifacts/a');
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

type Item = Partial<Header> & { readonly name: string; readonly content?: string };

/** A tar by another hand than ours. */
async function tarOf(...items: Item[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', ...header } of items) {
    tar.entry(header, (header.type ?? 'file') === 'file' ? content : '');
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

async function* inPieces(bytes: Buffer, size = 700): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield await Promise.resolve(bytes.subarray(at, at + size));
}

type Archives = Record<string, Buffer | TarStream>;

/** Collects what the globs match from archives by the path they were asked for with. */
async function collect(archives: Archives, globs: string[] = ['**']): Promise<Outcome<TreeEntry[]>> {
  const asked: string[] = [];
  const tree = await collectTree({
    prefixes: staticPrefixes(globs),
    select: compileGlobs(globs),
    into,
    get: (path) => {
      asked.push(path);
      const archive = archives[path] ?? null;
      return Promise.resolve(ok(archive !== null && Buffer.isBuffer(archive) ? inPieces(archive) : archive));
    },
  });
  // With types: without them it follows links.
  const left = readdirSync(base, { recursive: true, withFileTypes: true });
  expect(left.filter(({ name }) => name.includes('partial'))).toEqual([]);
  if (!tree.ok) expect(existsSync(into)).toBe(false);
  else expect(await treeOfFolder(into)).toEqual(tree);
  return tree;
}

const paths = (tree: Outcome<TreeEntry[]>): string[] =>
  tree.ok ? tree.value.map(({ type, path }) => `${type} ${path}`) : [tree.failure.code, tree.failure.message];

const codeOf = (tree: Outcome<TreeEntry[]>): string => (tree.ok ? 'none' : tree.failure.code);

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
    expect(readFileSync(join(into, 'out/r.xml'), 'utf8')).toBe('<x/>');
    expect(statSync(join(into, 'dist/run')).mode & 0o7111).toBe(0o111);
  });

  it('leaves no folder when nothing is taken, not even of an earlier time', async () => {
    mkdirSync(join(into, 'old'), { recursive: true });
    const tree = await collect(
      { '': await tarOf({ name: 'work/', type: 'directory' }, { name: 'work/a' }) },
      ['*.js'],
    );
    expect(tree).toEqual(ok([]));
    expect(existsSync(into)).toBe(false);
  });

  it('takes the place of what an earlier time left', async () => {
    mkdirSync(join(into, 'old'), { recursive: true });
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
    const source = join(base, 'work');
    const deep = `${'d/'.repeat(80)}${'f'.repeat(150)}`;
    mkdirSync(join(source, 'd/'.repeat(80)), { recursive: true });
    writeFileSync(join(source, deep), 'deep');
    symlinkSync('x'.repeat(200), join(source, 'link'));
    const there = await treeOfFolder(source);
    for (const format of ['gnu', 'pax', 'posix']) {
      const tar = execFileSync('tar', [`--format=${format}`, '-c', '-C', base, 'work']);
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
    expect(readFileSync(join(into, 'dist/b'), 'utf8')).toBe('inside');
    expect(readFileSync(join(into, 'dist/d'), 'utf8')).toBe('outside');
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
    expect(readFileSync(join(into, 'a'), 'utf8')).toBe('last');
  });

  it('passes on what the sandbox says', async () => {
    const lost = fail('environment', 'engine-lost', 'gone');
    const tree = await collectTree({
      prefixes: [''],
      select: () => true,
      into,
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
      into,
      get: () => Promise.resolve(ok(inPieces(tar))),
      check: (folder, entries) => {
        seen.push(readFileSync(join(folder, 'a'), 'utf8'), ...entries.map(({ path }) => path));
        seen.push(String(existsSync(into)));
        return Promise.resolve(fine ? null : refused.failure);
      },
    });
    expect(seen).toEqual(['one', 'a', 'false']);
    expect(readdirSync(dirname(into))).toEqual(fine ? [basename(into)] : []);
    if (fine) expect(tree).toEqual(await treeOfFolder(into));
    else expect(tree).toEqual(refused);
  });
});

describe('a hostile archive', () => {
  it.each<[string, Item[]]>([
    ['an absolute name', [{ name: '/etc/x' }]],
    ['a name that climbs', [{ name: 'work/../../x' }]],
    ['an absolute link', [{ name: 'work/l', type: 'symlink', linkname: '/etc/passwd' }]],
    ['a link that climbs', [{ name: 'work/l', type: 'symlink', linkname: '../x' }]],
    [
      'a link that climbs through another',
      [
        { name: 'work/a/b/d', type: 'symlink', linkname: '../../top' },
        { name: 'work/l', type: 'symlink', linkname: 'a/b/d/../../x' },
      ],
    ],
    ['a file below a link', [{ name: 'work/l', type: 'symlink', linkname: '.' }, { name: 'work/l/x' }]],
    ['a file below a file', [{ name: 'work/f' }, { name: 'work/f/x' }]],
    ['a file in the place of a folder', [{ name: 'work/f/x' }, { name: 'work/f' }]],
    [
      'a folder in the place of a link',
      [
        { name: 'work/l', type: 'symlink', linkname: 'x' },
        { name: 'work/l', type: 'directory' },
      ],
    ],
    ['a hard link that climbs', [{ name: 'work/h', type: 'link', linkname: 'work/../../etc/passwd' }]],
    ['a pipe', [{ name: 'work/p', type: 'fifo' }]],
    ['a device', [{ name: 'work/d', type: 'block-device' }]],
  ])('with %s is refused', async (_, items) => {
    expect(codeOf(await collect({ '': await tarOf(...items) }))).toBe('artifact-unsafe');
    expect(readdirSync(join(base, 'run/artifacts'))).toEqual([]);
  });

  it('is taken where what is wrong with it is not asked for', async () => {
    const tar = await tarOf(
      { name: 'work/p', type: 'fifo' },
      { name: 'work/l', type: 'symlink', linkname: '/x' },
      { name: 'work/a' },
    );
    expect(paths(await collect({ '': tar }, ['**', '!p', '!l']))).toEqual(['file a']);
  });

  it.each<[string, (tar: Buffer) => Buffer | TarStream]>([
    ['cut in a file', (tar) => tar.subarray(0, 1024 + 100)],
    ['cut between entries', (tar) => tar.subarray(0, 1024 + 512)],
    ['cut in a header', (tar) => tar.subarray(0, 1024 + 600)],
    ['empty', () => Buffer.alloc(0)],
    ['garbage', () => Buffer.alloc(4096, 'garbage')],
    [
      'changed in a header',
      (tar) => Buffer.concat([tar.subarray(0, 10), Buffer.from('x'), tar.subarray(11)]),
    ],
    ['given up by the engine', (tar) => failingAfter(tar.subarray(0, 700))],
  ])('that is %s is broken', async (_, change) => {
    const tar = await tarOf({ name: 'work/', type: 'directory' }, { name: 'work/a', content: 'content' });
    expect(codeOf(await collect({ '': change(tar) }))).toBe('archive-broken');
  });

  it('with a pax header that lies is broken', async () => {
    const lies = [
      '99 path=x\n',
      '0 path=x\n',
      'path=x\n',
      '13 path=abc\n',
      '19 size=1e3xxxxxxxx\n',
      '23 GNU.sparse.major=1\n',
      '11 path=a\0\n',
    ];
    for (const lie of lies) {
      const header = tarHeader(
        { type: 'file', name: Buffer.from('work/a'), executable: false, target: Buffer.alloc(0), size: 0 },
        { uid: 0, gid: 0 },
      );
      const pax = paxBlock(Buffer.from(lie));
      expect([lie, codeOf(await collect({ '': Buffer.concat([pax, header, Buffer.alloc(1024)]) }))]).toEqual([
        lie,
        'archive-broken',
      ]);
    }
  });

  it(
    'of any bytes writes nothing outside its folder',
    () =>
      fc.assert(
        fc.asyncProperty(fc.array(anyItem, { maxLength: 8 }), anyChanges, async (items, changes) => {
          rmSync(join(base, 'run'), { recursive: true, force: true });
          mkdirSync(into, { recursive: true });
          writeFileSync(join(base, 'run/sentinel'), 'untouched');
          const tar = await tarOf(...items);
          for (const { at, byte } of changes) tar[at % tar.length] = byte;
          const tree = await collect({ '': tar });
          expect(readdirSync(base)).toEqual(['run']);
          expect(readdirSync(join(base, 'run')).sort()).toEqual(['artifacts', 'sentinel']);
          expect(readFileSync(join(base, 'run/sentinel'), 'utf8')).toBe('untouched');
          expect(['none', 'artifact-unsafe', 'archive-broken', 'artifact-unwritable']).toContain(
            codeOf(tree),
          );
          if (tree.ok && tree.value.length > 0) expect(escapes(into)).toEqual([]);
        }),
        { numRuns: 60 },
      ),
    60_000,
  );
});

const path = (...names: string[]): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 }).map((all) => all.join('/'));
/** Mostly harmless, or nothing would ever be taken. */
const anyName = fc
  .oneof(
    { weight: 19, arbitrary: path('a', 'b', 'c') },
    { weight: 1, arbitrary: path('a', '..', '.', '', '/') },
  )
  .map((name) => `work/${name}`);
const anyItem = fc.oneof(
  fc.record({ name: anyName, type: fc.constant('file' as const), content: fc.string({ maxLength: 20 }) }),
  fc.record({ name: anyName, type: fc.constant('directory' as const) }),
  fc.record({
    name: anyName,
    type: fc.constant('symlink' as const),
    linkname: path('a', 'b', 'c', '..', '..', '.'),
  }),
  fc.record({ name: anyName, type: fc.constant('link' as const), linkname: anyName }),
);
const anyChanges = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(fc.record({ at: fc.nat(8192), byte: fc.nat(255) }), { maxLength: 3 }) },
);

/** Entries of a folder that lead out of it, as the system itself resolves them. */
function escapes(folder: string): string[] {
  const there = realpathSync.native(folder);
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).map(({ parentPath, name }) =>
    join(parentPath, name),
  );
  return paths.filter((path) => {
    try {
      const real = realpathSync.native(path);
      return real !== there && !real.startsWith(`${there}/`);
    } catch {
      return false;
    }
  });
}

function paxBlock(content: Buffer): Buffer {
  const [block] = [
    tarHeader(
      {
        type: 'file',
        name: Buffer.from('pax'),
        executable: false,
        target: Buffer.alloc(0),
        size: content.length,
      },
      { uid: 0, gid: 0 },
    ),
  ];
  block.write('x', 156);
  block.write('        ', 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([block, content, Buffer.alloc(512 - content.length)]);
}

async function* failingAfter(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
  throw new Error('socket hang up');
}

describe('a disk that does not take it', () => {
  it('is named when a file lies where a folder should be', async () => {
    writeFileSync(join(base, 'run'), '');
    const tree = await collectTree({
      prefixes: [],
      select: () => true,
      into,
      get: () => Promise.resolve(ok(null)),
    });
    expect(codeOf(tree)).toBe('artifact-unwritable');
  });

  it.skipIf(!canMount())('is named when it is full, and nothing is left', async () => {
    mkdirSync(join(base, 'run'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', join(base, 'run')]);
    try {
      const tree = await collect({ '': await tarOf({ name: 'work/a', content: 'x'.repeat(200_000) }) });
      expect(codeOf(tree)).toBe('disk-full');
      expect(readdirSync(join(into, '..'))).toEqual([]);
    } finally {
      execFileSync('umount', [join(base, 'run')]);
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
    writeFileSync(join(into, 'a'), 'y');
    const again = await treeOfFolder(into);
    expect(paths(again)).toEqual(paths(tree));
    expect(again.ok && tree.ok && treeDigest(again.value) !== treeDigest(tree.value)).toBe(true);
  });

  it('is empty when it is not there', async () => {
    expect(await treeOfFolder(join(base, 'nowhere'))).toEqual(ok([]));
  });
});
