import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { extract } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { treeOfFolder } from '../../../engine/archive.ts';
import { digestOf, parentOf } from '../../../engine/disk-tree.ts';
import { tarHeader } from '../../../engine/tar-header.ts';
import { packTar, type PackedTar, type PackItem } from '../../../engine/tar-writer.ts';
import type { Owner } from '../../../src/contract/sandbox.ts';
import { diskPath } from '../../../src/model/path-bytes.ts';
import { treeDigest, type TreeEntry } from '../../../src/model/tree.ts';

let base: string;
let root: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'lockstep-tar-'));
  root = join(base, 'root');
  mkdirSync(root);
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

function write(path: string, content: string | Buffer = path, mode = 0o644): void {
  mkdirSync(diskPath(root, parentOf(path)), { recursive: true });
  writeFileSync(diskPath(root, path), content, { mode });
}

async function entriesOf(folder: string): Promise<TreeEntry[]> {
  const tree = await treeOfFolder(folder);
  if (!tree.ok) throw new Error(tree.failure.message);
  return tree.value;
}

const items = async (): Promise<PackItem[]> => (await entriesOf(root)).map((entry) => ({ entry, root }));

const pack = (files: readonly PackItem[], owner: Owner = { uid: 7, gid: 8 }): PackedTar =>
  packTar(files, { owner, prefix: 'work' });

async function bytesOf({ chunks }: PackedTar): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(chunks));
}

function unpack(tar: Buffer): string {
  const into = mkdtempSync(join(base, 'out-'));
  execFileSync('tar', ['-x', '-p', '--no-same-owner', '-C', into], { input: tar });
  return join(into, 'work');
}

const list = (tar: Buffer): string[] =>
  execFileSync('tar', ['-tv', '--numeric-owner', '--full-time', '--utc'], { input: tar, encoding: 'utf8' })
    .trimEnd()
    .split('\n')
    .map((line) => line.replaceAll(/ +/g, ' '));

describe('a packed tree', () => {
  it('has fixed modes, times and owners, folders before what they hold', async () => {
    write('b/run', '#!', 0o700);
    write('a', 'x', 0o666);
    mkdirSync(join(root, 'empty'));
    symlinkSync('../a', join(root, 'b/link'));
    const packed = pack(await items());
    expect(list(await bytesOf(packed))).toEqual([
      'drwxr-xr-x 7/8 0 2000-01-01 00:00:00 work/',
      '-rw-r--r-- 7/8 1 2000-01-01 00:00:00 work/a',
      'drwxr-xr-x 7/8 0 2000-01-01 00:00:00 work/b/',
      'lrw-r--r-- 7/8 0 2000-01-01 00:00:00 work/b/link -> ../a',
      '-rwxr-xr-x 7/8 2 2000-01-01 00:00:00 work/b/run',
      'drwxr-xr-x 7/8 0 2000-01-01 00:00:00 work/empty/',
    ]);
    expect(packed.failure()).toBeUndefined();
  });

  it(
    'is the same tree when GNU tar has unpacked it',
    () =>
      fc.assert(
        fc.asyncProperty(fc.array(anyFile, { maxLength: 12 }), async (files) => {
          rmSync(root, { recursive: true });
          mkdirSync(root);
          for (const { path, content, executable } of files) write(path, content, executable ? 0o755 : 0o644);
          const files0 = await items();
          const tar = await bytesOf(pack(files0));
          expect(treeDigest(await entriesOf(unpack(tar)))).toBe(treeDigest(files0.map(({ entry }) => entry)));
          expect(await bytesOf(pack(files0))).toEqual(tar);
        }),
        { numRuns: 15 },
      ),
    60_000,
  );

  it('carries long and odd names and targets, and large files, in chunks', async () => {
    const long = `${'folder/'.repeat(30)}${'n'.repeat(200)}`;
    write(long);
    write(`${'f'.repeat(98)}\u00e9`);
    write('wrong\udcff');
    write('new\nline');
    write('-rf');
    symlinkSync('t'.repeat(300), join(root, 'link'));
    write('large', Buffer.alloc(5_000_001, 'large'));
    write('almost', Buffer.alloc((1 << 20) - 512, 'a'));
    const files = await items();
    const chunks = await Array.fromAsync(pack(files).chunks);
    expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(1 << 20);
    const out = unpack(Buffer.concat(chunks));
    expect(treeDigest(await entriesOf(out))).toBe(treeDigest(files.map(({ entry }) => entry)));
    expect(readFileSync(join(out, long), 'utf8')).toBe(long);
    expect(readlinkSync(join(out, 'link'))).toBe('t'.repeat(300));
  });

  it('is read by tar-stream', async () => {
    const long = `${'d/'.repeat(80)}caf\u00e9`;
    write(long, 'content');
    const names: string[] = [];
    for await (const entry of Readable.from(pack(await items()).chunks).pipe(extract())) {
      names.push(entry.header.name);
      entry.resume();
    }
    expect(names.at(-1)).toBe(`work/${long}`);
  });

  it('takes files from several roots, and is a whole tar when there are none', async () => {
    write('a');
    const other = join(base, 'other');
    mkdirSync(other);
    writeFileSync(join(other, 'b'), 'b');
    const mixed = [...(await items()), ...(await entriesOf(other)).map((entry) => ({ entry, root: other }))];
    expect((await entriesOf(unpack(await bytesOf(pack(mixed))))).map(({ path }) => path)).toEqual(['a', 'b']);
    expect(await bytesOf(pack([]))).toEqual(Buffer.alloc(1024));
  });

  it('takes bytes in place of what lies on disk, or of nothing there', async () => {
    write('a', 'on disk');
    const texts = { a: 'other', b: '', c: 'x'.repeat(300_000) };
    const given = Object.entries(texts).map(([path, text]) => {
      const bytes = Buffer.from(text);
      const entry = {
        type: 'file',
        path,
        executable: path === 'b',
        digest: digestOf(bytes),
        size: bytes.length,
      } as const;
      return { entry, root, bytes };
    });
    const packed = pack(given);
    expect(await entriesOf(unpack(await bytesOf(packed)))).toEqual(given.map(({ entry }) => entry));
    expect(packed.failure()).toBeUndefined();
  });

  it('gives sizes and owners that ustar has no room for to pax', () => {
    const header = {
      type: 'file',
      name: Buffer.from('n'),
      executable: false,
      target: Buffer.alloc(0),
      size: 2 ** 34,
    } as const;
    const tar = tarHeader(header, { uid: 1_000_660_000, gid: 2 ** 31 });
    expect(tar.length).toBe(3 * 512);
    expect(tar.toString('latin1', 512, 1024).replaceAll('\0', '')).toBe(
      '20 size=17179869184\n18 uid=1000660000\n18 gid=2147483648\n',
    );
  });
});

const anyFile = fc.record({
  path: fc
    .array(fc.constantFrom('a', 'b\u00e9', 'c\udcff', '\u{1f600}', ' ', 'x'.repeat(90)), {
      minLength: 3,
      maxLength: 3,
    })
    .map((names) => `d/${names.join('/')}/f`),
  content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
  executable: fc.boolean(),
});

describe('a file that changed since it was listed', () => {
  const size = 3_000_000;
  const change: Record<string, (file: string) => void> = {
    grew: (file) => {
      appendFileSync(file, 'x');
    },
    shrank: (file) => {
      truncateSync(file, 1);
    },
    'has other bytes': (file) => {
      writeFileSync(file, Buffer.alloc(statSync(file).size, 'z'));
    },
    'is gone': (file) => {
      rmSync(file);
    },
    'is a link': (file) => {
      rmSync(file);
      symlinkSync('/etc/passwd', file);
    },
    'is a folder': (file) => {
      rmSync(file);
      mkdirSync(file);
    },
    'is a pipe': (file) => {
      rmSync(file);
      execFileSync('mkfifo', [file]);
    },
  };

  it.each(
    Object.keys(change).flatMap(
      (what) =>
        [
          [what, 'small', 5],
          [what, 'large', size],
        ] as const,
    ),
  )('%s (%s): ends the tar early, whole, with the file named', async (what, _, bytes) => {
    write('a-before');
    write('changing', Buffer.alloc(bytes, 'a'));
    write('z-after');
    const files = await items();
    change[what]?.(join(root, 'changing'));
    const packed = pack(files);
    const names = list(await bytesOf(packed)).map((line) => line.split(' ').at(-1));
    expect(packed.failure()).toMatchObject({
      kind: 'environment',
      code: 'source-changed',
      message: `${root}/changing changed while the run was under way`,
    });
    expect(names).toContain('work/a-before');
    expect(names).not.toContain('work/z-after');
  });

  it('is noticed when a large one changes while it is read', async () => {
    write('changing', Buffer.alloc(size, 'a'));
    const packed = pack(await items());
    const chunks: Uint8Array[] = [];
    for await (const chunk of packed.chunks) {
      if (chunks.length === 0) truncateSync(join(root, 'changing'), 10);
      chunks.push(chunk);
    }
    expect(packed.failure()?.code).toBe('source-changed');
    expect(list(Buffer.concat(chunks))).toHaveLength(2);
  });

  it('is noticed for a link and its target', async () => {
    symlinkSync('a', join(root, 'link'));
    const files = await items();
    rmSync(join(root, 'link'));
    symlinkSync('b', join(root, 'link'));
    const packed = pack(files);
    await bytesOf(packed);
    expect(packed.failure()?.code).toBe('source-changed');
  });
});
