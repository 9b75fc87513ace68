// With an index only files that changed are read again, or may have; the result is that of reading everything.
import {
  chmodSync,
  linkSync,
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
import { describe, expect, it } from 'vitest';
import { readEntries } from '../../../engine/disk-tree.ts';
import { SourceIndex } from '../../../engine/source-index.ts';
import { at, HOUR, nextTick, rig, write } from './source-folder.ts';
import { clock, filesForEach, read, testClock, truth } from './indexed-files.ts';

filesForEach();

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
    const index = new SourceIndex(rig.index, rig.root, testClock());
    await index.lookAhead(() => false);
    const entries = await readEntries(rig.root, ['folder/a', 'moved/a'], { known: index });
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
    const index = new SourceIndex(rig.index, rig.root, testClock());
    clock.at -= 2 * HOUR;
    await readEntries(rig.root, ['a'], { known: index });
    index.save();
    expect((await read('a')).hashed).toEqual(['a']);
  });

  it('is read again when it grew while it was read', async () => {
    write('a', 'grown');
    const index = new SourceIndex(rig.index, rig.root, testClock());
    const entry = { type: 'file', path: 'a', executable: false, digest: `sha256:${'0'.repeat(64)}` } as const;
    index.remember({ ...entry, size: 4 }, statSync(at('a')));
    index.save();
    expect((await read('a')).hashed).toEqual(['a']);
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
      const index = new SourceIndex(rig.index, rig.root, testClock());
      if (looksAhead) await index.lookAhead(() => false);
      const entries = await readEntries(rig.root, names, { known: index });
      index.save();
      expect(entries).toEqual({ ok: true, value: await truth(...names) });
      nextTick();
    }),
    { numRuns: 150 },
  );
});
