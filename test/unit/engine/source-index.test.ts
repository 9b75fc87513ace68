import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readEntries } from '../../../engine/disk-tree.ts';
import { SourceIndex, type Clock } from '../../../engine/source-index.ts';
import { readSourceTree } from '../../../engine/source-tree.ts';
import { diskPath, sortByPath } from '../../../src/model/path-bytes.ts';
import type { TreeEntry } from '../../../src/model/tree.ts';

const HOUR = 3_600_000;

let top: string;
let root: string;
let file: string;
let clock: { at: number; boot: number };
beforeEach(() => {
  top = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-index-')));
  root = join(top, 'root');
  file = join(top, 'cache/v1/index/x');
  mkdirSync(root);
  // Later by so much that files which were written just now have settled.
  clock = { at: Date.now() + HOUR, boot: 0 };
});
afterEach(() => {
  rmSync(top, { recursive: true, force: true });
});

const testClock = (): Clock => ({ now: () => clock.at, bootedAt: () => clock.boot });

function write(path: string, text = path): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(diskPath(root, path), text);
}

/** What an index that serves these paths says, and which of them had to be read. */
async function read(...paths: string[]): Promise<{ entries: TreeEntry[]; hashed: string[] }> {
  const index = new SourceIndex(file, root, testClock());
  const hashed: string[] = [];
  const known = {
    recall: index.recall.bind(index),
    remember: (...[entry, stats]: Parameters<SourceIndex['remember']>) => {
      hashed.push(entry.path);
      index.remember(entry, stats);
    },
  };
  const entries = await readEntries(
    root,
    sortByPath(paths, (path) => path),
    { known },
  );
  if (!entries.ok) throw new Error(entries.failure.message);
  index.save();
  nextTick();
  return { entries: entries.value, hashed };
}

/** Until the file system's clock has gone on: the test's own clock says that all has settled long ago. */
function nextTick(): void {
  const probe = join(top, 'probe');
  const now = (): number => {
    writeFileSync(probe, '');
    return statSync(probe).ctimeMs;
  };
  for (const start = now(); now() === start;);
}

/** The same without an index. */
async function truth(...paths: string[]): Promise<TreeEntry[]> {
  const entries = await readEntries(
    root,
    sortByPath(paths, (path) => path),
  );
  if (!entries.ok) throw new Error(entries.failure.message);
  return entries.value;
}

const at = (path: string): string => join(root, path);

/** Back to the times that `path` had before `edit`. */
function keepingTimes(path: string, edit: () => void): void {
  const { atime, mtime } = statSync(at(path));
  edit();
  utimesSync(at(path), atime, mtime);
}

describe('a second reading', () => {
  it('reads only what changed', async () => {
    for (const path of ['a', 'b', 'c/d']) write(path);
    expect((await read('a', 'b', 'c/d')).hashed).toEqual(['a', 'b', 'c/d']);
    write('b', 'B');
    write('new');
    rmSync(at('a'));
    expect(await read('a', 'b', 'c/d', 'new')).toEqual({
      entries: await truth('b', 'c/d', 'new'),
      hashed: ['b', 'new'],
    });
    expect((await read('b', 'c/d', 'new')).hashed).toEqual([]);
  });

  it('sees an edit that keeps the size and the mtime, by its ctime', async () => {
    write('a', 'one');
    await read('a');
    keepingTimes('a', () => {
      writeFileSync(at('a'), 'two');
    });
    expect(await read('a')).toEqual({ entries: await truth('a'), hashed: ['a'] });
  });

  it('sees another file in its place, of the same size and mtime', async () => {
    write('a', 'one');
    write('b', 'two');
    utimesSync(at('a'), 1, 1);
    utimesSync(at('b'), 1, 1);
    await read('a', 'b');
    renameSync(at('a'), at('c'));
    renameSync(at('b'), at('a'));
    renameSync(at('c'), at('b'));
    expect((await read('a', 'b')).entries).toEqual(await truth('a', 'b'));
  });

  it('sees mode bits, also without a change of content', async () => {
    write('a');
    await read('a');
    chmodSync(at('a'), 0o755);
    expect((await read('a')).entries).toMatchObject([{ path: 'a', executable: true }]);
    chmodSync(at('a'), 0o644);
    expect((await read('a')).entries).toMatchObject([{ path: 'a', executable: false }]);
  });

  it('sees a file become a link, a folder, a file again', async () => {
    write('a');
    write('other');
    await read('a', 'other');
    rmSync(at('a'));
    symlinkSync('other', at('a'));
    expect((await read('a', 'other')).entries).toEqual(await truth('a', 'other'));
    rmSync(at('a'));
    mkdirSync(at('a'));
    expect((await read('a', 'other')).entries).toEqual(await truth('other'));
    rmSync(at('a'), { recursive: true });
    write('a', 'again');
    expect((await read('a', 'other')).entries).toEqual(await truth('a', 'other'));
  });

  it('never takes from behind a link what was in a folder, be it the same inode', async () => {
    write('folder/a');
    await read('folder/a');
    renameSync(at('folder'), at('moved'));
    symlinkSync('moved', at('folder'));
    const index = new SourceIndex(file, root, testClock());
    await index.lookAhead(() => false);
    const entries = await readEntries(root, ['folder/a', 'moved/a'], { known: index });
    expect(entries).toEqual({ ok: true, value: await truth('folder/a', 'moved/a') });
  });

  it('keeps names in any bytes apart', async () => {
    const names = [
      'caf\u00e9',
      'wrong\udcffbyte',
      'wrong\udcfebyte',
      '\ud83d\ude00',
      '\uffee',
      'new\nline',
      ' ',
    ];
    for (const name of names) write(name);
    expect((await read(...names)).hashed).toHaveLength(names.length);
    expect(await read(...names)).toEqual({ entries: await truth(...names), hashed: [] });
  });
});

describe('a file that has just been touched', () => {
  it('is read again, though neither its size nor its times tell', async () => {
    clock.at = Date.now();
    write('a', 'one');
    await read('a');
    // What the same tick of a coarse clock makes of an edit.
    expect((await read('a')).hashed).toEqual(['a']);
    clock.at += HOUR;
    expect((await read('a')).hashed).toEqual(['a']);
    expect((await read('a')).hashed).toEqual([]);
  });

  it('is read again while its times lie in the future', async () => {
    write('a');
    utimesSync(at('a'), Date.now() / 1000, Date.now() / 1000 + 7200);
    await read('a');
    expect((await read('a')).hashed).toEqual(['a']);
  });

  it('is read again when the clock was set back while it was read', async () => {
    write('a');
    const index = new SourceIndex(file, root, testClock());
    clock.at -= 2 * HOUR;
    await readEntries(root, ['a'], { known: index });
    index.save();
    expect((await read('a')).hashed).toEqual(['a']);
  });

  it('is read again when it grew while it was read', async () => {
    write('a', 'grown');
    const index = new SourceIndex(file, root, testClock());
    const entry = { type: 'file', path: 'a', executable: false, digest: `sha256:${'0'.repeat(64)}` } as const;
    index.remember({ ...entry, size: 4 }, statSync(at('a')));
    index.save();
    expect((await read('a')).hashed).toEqual(['a']);
  });
});

describe('an index that cannot be trusted', () => {
  beforeEach(async () => {
    write('a');
    write('b');
    clock.boot = 10 * HOUR;
    await read('a', 'b');
  });

  it('is one from before the clock was set back', async () => {
    clock.boot -= HOUR;
    expect((await read('a', 'b')).hashed).toEqual(['a', 'b']);
    expect((await read('a', 'b')).hashed).toEqual([]);
    clock.boot += HOUR;
    expect((await read('a', 'b')).hashed).toEqual([]);
  });

  it('is one of another root', async () => {
    const other = join(top, 'other');
    mkdirSync(other);
    for (const name of ['a', 'b']) linkSync(at(name), join(other, name));
    rmSync(root, { recursive: true });
    renameSync(other, root);
    expect((await read('a', 'b')).hashed).toEqual(['a', 'b']);
  });

  it('is one that was cut or flipped at any byte', async () => {
    const good = readFileSync(file);
    for (let byte = 0; byte < good.length; byte += 7) {
      const flipped = Buffer.from(good);
      flipped.writeUInt8(flipped.readUInt8(byte) ^ 1, byte);
      for (const bad of [flipped, good.subarray(0, byte)]) {
        writeFileSync(file, bad);
        expect(new SourceIndex(file, root, testClock()).recall('a', statSync(at('a')))).toBeNull();
      }
    }
    expect((await read('a', 'b')).entries).toEqual(await truth('a', 'b'));
  });

  it.each(['folder', 'link', 'pipe'])('is a %s', async (kind) => {
    rmSync(file);
    if (kind === 'folder') mkdirSync(file);
    else if (kind === 'link') symlinkSync('/dev/zero', file);
    else execFileSync('mkfifo', [file]);
    expect((await read('a', 'b')).entries).toEqual(await truth('a', 'b'));
  });
});

describe('an index that cannot be written', () => {
  it('is as if there were none', async () => {
    write('a');
    writeFileSync(join(top, 'cache'), 'no folder');
    expect((await read('a')).entries).toEqual(await truth('a'));
    expect(readFileSync(join(top, 'cache'), 'utf8')).toBe('no folder');
  });

  it('is left to the process that is writing, unless that one died', async () => {
    write('a');
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.tmp`, 'half');
    await read('a');
    expect(existsSync(file)).toBe(false);
    utimesSync(`${file}.tmp`, 1, 1);
    await read('a');
    expect(readdirSync(dirname(file))).toEqual(['x']);
    expect((await read('a')).hashed).toEqual([]);
  });

  it('is only written when something changed', async () => {
    write('a');
    await read('a');
    const { ino } = statSync(file);
    await read('a');
    expect(statSync(file).ino).toBe(ino);
    rmSync(at('a'));
    await read('a');
    expect(statSync(file).ino).not.toBe(ino);
  });
});

const names = ['a', 'b', 'c', 'd/a', 'd/b'];
const edits = fc.record({
  kind: fc.constantFrom('remove', 'move', 'link', 'mode', 'times', 'symbolic', 'hidden', 'write'),
  path: fc.constantFrom(...names),
  other: fc.constantFrom(...names),
  text: fc.constantFrom('0', '1', 'xx'),
});

function edit({
  kind,
  path,
  other,
  text,
}: typeof edits extends fc.Arbitrary<infer Edit> ? Edit : never): void {
  const isFile = lstatSync(at(path), { throwIfNoEntry: false })?.isFile() === true;
  if (kind === 'write' || !isFile) {
    rmSync(at(path), { force: true });
    if (kind === 'symbolic') symlinkSync(other, at(path));
    else write(path, text);
  } else if (kind === 'remove') rmSync(at(path));
  else if (kind === 'mode') chmodSync(at(path), (statSync(at(path)).mode & 0o777) ^ 0o111);
  else if (kind === 'times') utimesSync(at(path), 1, 1);
  else if (kind === 'hidden') {
    keepingTimes(path, () => {
      writeFileSync(at(path), text);
    });
  } else if (path !== other) {
    rmSync(at(other), { force: true });
    if (kind === 'move') renameSync(at(path), at(other));
    else linkSync(at(path), at(other));
  }
}

it('gives what reading everything gives, after any edits', async () => {
  mkdirSync(at('d'));
  await fc.assert(
    fc.asyncProperty(fc.array(edits, { maxLength: 5 }), fc.boolean(), async (round, looksAhead) => {
      round.forEach(edit);
      const index = new SourceIndex(file, root, testClock());
      if (looksAhead) await index.lookAhead(() => false);
      const entries = await readEntries(root, names, { known: index });
      index.save();
      expect(entries).toEqual({ ok: true, value: await truth(...names) });
      nextTick();
    }),
    { numRuns: 150 },
  );
});

describe('as part of the source tree', () => {
  const environment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const digest = async (index?: string): Promise<string> => {
    const tree = await readSourceTree({ root, pipelineFile: 'x', environment, ...(index && { index }) });
    if (!tree.ok) throw new Error(tree.failure.message);
    return tree.value.digest;
  };

  it('makes no difference, with git and without, twice and with an edit between', async () => {
    for (const path of ['a', 'b/c', 'b/d', 'caf\u00e9']) write(path);
    for (const path of ['a', 'b/c', 'b/d', 'caf\u00e9']) utimesSync(at(path), 1, 1);
    for (const start of [
      () => undefined,
      () => execFileSync('git', ['init', '-q', root], { env: environment }),
    ]) {
      start();
      for (const text of ['1', '2']) {
        write('b/c', text);
        expect(await digest(file)).toBe(await digest());
        expect(await digest(file)).toBe(await digest());
      }
    }
  });

  it('is shared by processes at once', async () => {
    for (let number = 0; number < 200; number++) write(`f${number}`);
    const expected = await digest();
    const script = `
      const { readEntries } = await import(${JSON.stringify(new URL('../../../engine/disk-tree.ts', import.meta.url).href)});
      const { SourceIndex } = await import(${JSON.stringify(new URL('../../../engine/source-index.ts', import.meta.url).href)});
      const { treeDigest } = await import(${JSON.stringify(new URL('../../../src/model/tree.ts', import.meta.url).href)});
      const clock = { now: () => Date.now() + ${HOUR}, bootedAt: () => 0 };
      const paths = Array.from({ length: 200 }, (_, number) => 'f' + number).sort();
      const seen = new Set();
      for (let round = 0; round < 20; round++) {
        const index = new SourceIndex(${JSON.stringify(file)}, ${JSON.stringify(root)}, clock);
        const entries = await readEntries(${JSON.stringify(root)}, paths.slice(round % 2), { known: index });
        index.save();
        seen.add(round % 2 === 1 || treeDigest(entries.value));
      }
      console.log([...seen].join());`;
    const run = (): Promise<string> =>
      new Promise((resolve) => {
        let said = '';
        const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
        child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
        child.on('close', () => {
          resolve(said.trim());
        });
      });
    expect(await Promise.all([run(), run(), run(), run()])).toEqual(Array(4).fill(`${expected},true`));
    expect(readdirSync(dirname(file))).toEqual(['x']);
    clock.boot = 0;
    const paths = Array.from({ length: 200 }, (_, number) => `f${number}`);
    expect((await read(...paths)).entries).toEqual(await truth(...paths));
  }, 30_000);
});
