// An archive that is damaged, lies or wants out of its folder is refused, where what is wrong with it is asked for.
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TarStream } from '../../../engine/archive.ts';
import { tarHeader } from '../../../engine/tar-header.ts';
import { codeOf, collect, folderForEach, paths, rig, tarOf, type Item } from './collected.ts';

folderForEach();

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
    expect(readdirSync(join(rig.base, 'run/artifacts'))).toEqual([]);
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
          rmSync(join(rig.base, 'run'), { recursive: true, force: true });
          mkdirSync(rig.into, { recursive: true });
          writeFileSync(join(rig.base, 'run/sentinel'), 'untouched');
          const tar = await tarOf(...items);
          for (const { at, byte } of changes) tar[at % tar.length] = byte;
          const tree = await collect({ '': tar });
          expect(readdirSync(rig.base)).toEqual(['run']);
          expect(readdirSync(join(rig.base, 'run')).sort()).toEqual(['artifacts', 'sentinel']);
          expect(readFileSync(join(rig.base, 'run/sentinel'), 'utf8')).toBe('untouched');
          expect(['none', 'artifact-unsafe', 'archive-broken', 'artifact-unwritable']).toContain(
            codeOf(tree),
          );
          if (tree.ok && tree.value.length > 0) expect(await escapes(rig.into)).toEqual([]);
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
async function escapes(folder: string): Promise<string[]> {
  const there = realpathSync.native(folder);
  // As in `collect`: readdirSync would follow links.
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name));
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
