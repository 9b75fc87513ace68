// The file of an index: one that cannot be trusted or written is as none, and processes share one.
import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { SourceIndex } from '../../../engine/source-index.ts';
import { readSourceTree } from '../../../engine/source-tree.ts';
import { at, HOUR, rig, write } from './source-folder.ts';
import { clock, filesForEach, read, testClock, truth } from './indexed-files.ts';

filesForEach();

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
    const other = join(rig.top, 'other');
    mkdirSync(other);
    for (const name of ['a', 'b']) linkSync(at(name), join(other, name));
    rmSync(rig.root, { recursive: true });
    renameSync(other, rig.root);
    expect((await read('a', 'b')).hashed).toEqual(['a', 'b']);
  });

  it('is one that was cut or flipped at any byte', async () => {
    const good = readFileSync(rig.index);
    for (let byte = 0; byte < good.length; byte += 7) {
      const flipped = Buffer.from(good);
      flipped.writeUInt8(flipped.readUInt8(byte) ^ 1, byte);
      for (const bad of [flipped, good.subarray(0, byte)]) {
        writeFileSync(rig.index, bad);
        expect(new SourceIndex(rig.index, rig.root, testClock()).recall('a', statSync(at('a')))).toBeNull();
      }
    }
    expect((await read('a', 'b')).entries).toEqual(await truth('a', 'b'));
  });

  it.each(['folder', 'link', 'pipe'])('is a %s', async (kind) => {
    rmSync(rig.index);
    if (kind === 'folder') mkdirSync(rig.index);
    else if (kind === 'link') symlinkSync('/dev/zero', rig.index);
    else execFileSync('mkfifo', [rig.index]);
    expect((await read('a', 'b')).entries).toEqual(await truth('a', 'b'));
  });
});

describe('an index that cannot be written', () => {
  it('is as if there were none', async () => {
    write('a');
    writeFileSync(join(rig.top, 'cache'), 'no folder');
    expect((await read('a')).entries).toEqual(await truth('a'));
    expect(readFileSync(join(rig.top, 'cache'), 'utf8')).toBe('no folder');
  });

  it('is left to the process that is writing, unless that one died', async () => {
    write('a');
    mkdirSync(dirname(rig.index), { recursive: true });
    writeFileSync(`${rig.index}.tmp`, 'half');
    await read('a');
    expect(existsSync(rig.index)).toBe(false);
    utimesSync(`${rig.index}.tmp`, 1, 1);
    await read('a');
    expect(readdirSync(dirname(rig.index))).toEqual(['index']);
    expect((await read('a')).hashed).toEqual([]);
  });

  it('is only written when something changed', async () => {
    write('a');
    await read('a');
    const { ino } = statSync(rig.index);
    await read('a');
    expect(statSync(rig.index).ino).toBe(ino);
    rmSync(at('a'));
    await read('a');
    expect(statSync(rig.index).ino).not.toBe(ino);
  });
});

describe('as part of the source tree', () => {
  const environment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' };
  const digest = async (index?: string): Promise<string> => {
    const tree = await readSourceTree({
      root: rig.root,
      pipelineFile: 'x',
      environment,
      ...(index && { index }),
    });
    if (!tree.ok) throw new Error(tree.failure.message);
    return tree.value.digest;
  };

  it('makes no difference, with git and without, twice and with an edit between', async () => {
    for (const path of ['a', 'b/c', 'b/d', 'caf\u00e9']) write(path);
    for (const path of ['a', 'b/c', 'b/d', 'caf\u00e9']) utimesSync(at(path), 1, 1);
    for (const start of [
      () => undefined,
      () => execFileSync('git', ['init', '-q', rig.root], { env: environment }),
    ]) {
      start();
      for (const text of ['1', '2']) {
        write('b/c', text);
        expect(await digest(rig.index)).toBe(await digest());
        expect(await digest(rig.index)).toBe(await digest());
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
        const index = new SourceIndex(${JSON.stringify(rig.index)}, ${JSON.stringify(rig.root)}, clock);
        const entries = await readEntries(${JSON.stringify(rig.root)}, paths.slice(round % 2), { known: index });
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
    expect(readdirSync(dirname(rig.index))).toEqual(['index']);
    clock.boot = 0;
    const paths = Array.from({ length: 200 }, (_, number) => `f${number}`);
    expect((await read(...paths)).entries).toEqual(await truth(...paths));
  }, 30_000);
});
