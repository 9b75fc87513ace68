// The store of records under real processes and real disks: many at once, killed at any moment, no room, no right to write.
import { execFileSync, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DirectoryStore, openDirectoryStore } from '../../engine/cache/directory-store.ts';
import { getBlob, keyOf, putBlob, stepRecord } from '../conformance/record-store.ts';
import { noSmallDisk, SmallDisk } from '../rig/small-disk.ts';

const script = fileURLToPath(new URL('../rig/store-process.ts', import.meta.url));
const keys = [0, 1, 2, 3].map((index) => keyOf(`key ${index}`));
const dayMs = 24 * 3600_000;

const start = (folder: string, mode: 'take-turns' | 'write', rounds: number) =>
  spawn(process.execPath, [script, folder, mode, `${rounds}`], { stdio: ['ignore', 'pipe', 'inherit'] });

function open(folder: string, faults: string[] = []): DirectoryStore {
  const { platform, pid } = process;
  return openDirectoryStore({
    folder,
    onFault: (message) => faults.push(message),
    maxBytes: 1e9,
    platform,
    pid,
  });
}

const list = (folder: string, shelf: string): string[] => readdirSync(join(folder, shelf));

/** Every file is whole: nothing was ever seen half written. */
async function expectWhole(folder: string): Promise<void> {
  const faults: string[] = [];
  const store = open(folder, faults);
  for (const name of list(folder, 'records')) expect(await store.record(`sha256:${name}`)).not.toBeNull();
  for (const name of list(folder, 'blobs')) expect(await getBlob(store, `sha256:${name}`)).not.toBeNull();
  expect(faults).toEqual([]);
}

async function expectFree(folder: string): Promise<void> {
  const store = open(folder);
  for (const key of keys) {
    const lock = await store.tryLock(key);
    expect(lock).not.toBeNull();
    await lock?.release();
  }
}

describe('processes', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('sixteen at once: one at a time holds a key, all that is read is whole, one id for all', async () => {
    const outputs = await Promise.all(
      Array.from({ length: 16 }, () => text(start(folder, 'take-turns', 10).stdout)),
    );
    const rounds = Array.from({ length: 10 }, (_, round) => `round ${round}\n`).join('');
    for (const output of outputs) expect(output).toBe(rounds);
    await expectWhole(folder);
    await expectFree(folder);
    expect(list(folder, 'partial')).toEqual([]);
  });

  test('killed at any moment, 200 times: all that is there is whole, and locks are free at once', async () => {
    for (let round = 0; round < 200; round++) {
      const writer = start(folder, 'write', 1e6);
      await once(writer.stdout, 'data');
      await delay(randomInt(20)); // Not to wait for something: to be anywhere.
      writer.kill('SIGKILL');
      await once(writer, 'close');
      await expectFree(folder);
    }
    await expectWhole(folder);
    expect(list(folder, 'records').length).toBeGreaterThan(1);
    await open(folder).prune({ unusedForMs: dayMs, removeSnapshot: null });
    expect([list(folder, 'partial'), list(folder, 'locks')]).toEqual([[], []]);
  });

  test('who waits gets the key of a holder that was killed', async () => {
    const store = open(folder);
    for (let round = 0; round < 5; round++) {
      const writer = start(folder, 'write', 1e6);
      await once(writer.stdout, 'data');
      const waiting = keys.map((key) => store.lock(key, new AbortController().signal));
      writer.kill('SIGKILL');
      for (const lock of await Promise.all(waiting)) await lock?.release();
    }
    await expectFree(folder);
  });
});

describe.skipIf(noSmallDisk !== null)('disks', () => {
  test('a full one: puts decline, said once, nothing half is left, what was there is used', async () => {
    using disk = new SmallDisk(2);
    const faults: string[] = [];
    const store = open(disk.path, faults);
    await store.putRecord(stepRecord('before'));
    for (let index = 0; index < 2; index++) {
      const bytes = Buffer.from(Array.from({ length: 4_000_000 }, () => Math.random() * 256));
      expect(await putBlob(store, bytes)).toBeNull();
    }
    expect(list(disk.path, 'partial')).toEqual([]);
    expect(faults).toEqual([expect.stringMatching(/cannot write to the cache folder.*ENOSPC/)]);
    expect(() => writeFileSync(join(disk.path, 'full'), Buffer.alloc(4_000_000))).toThrow('ENOSPC');
    expect(await store.putRecord(stepRecord('after', { summary: 'x'.repeat(100_000) }))).toBe(false);
    expect(
      await putBlob(store, Buffer.from(Array.from({ length: 50_000 }, () => Math.random() * 256))),
    ).toBeNull();
    expect(list(disk.path, 'partial')).toEqual([]);
    expect(await store.record(keyOf('before'))).toEqual(stepRecord('before'));
    const lock = await store.lock(keyOf('k'), new AbortController().signal);
    await lock?.release();
    await store.upkeep(null);
    rmSync(join(disk.path, 'full'));
    expect(await store.putRecord(stepRecord('after'))).toBe(true);
    expect(faults).toHaveLength(1);
    await expectWhole(disk.path);
  });

  test('a read-only one: what is there is used, puts decline, said once', async () => {
    using disk = new SmallDisk(2);
    const before = open(disk.path);
    await before.putRecord(stepRecord('a'));
    const digest = await putBlob(before, Buffer.from('blob'));
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    const faults: string[] = [];
    const store = open(disk.path, faults);
    expect(store.id).toBe(before.id);
    expect(await store.record(keyOf('a'))).toEqual(stepRecord('a'));
    expect(await getBlob(store, digest)).toEqual(Buffer.from('blob'));
    await store.upkeep(null);
    expect(faults).toEqual([]);
    for (const size of [5, 1_000_000]) expect(await putBlob(store, Buffer.alloc(size))).toBeNull();
    expect(await store.putRecord(stepRecord('a'))).toBe(false);
    await store.putSnapshot({ id: 'one', bytes: 1 });
    await store.putChain('job', { at: 1, links: [] });
    const lock = await store.lock(keyOf('k'), new AbortController().signal);
    expect(await store.tryLock(keyOf('k'))).toBeNull();
    await lock?.release();
    await store.forgetRecord(keyOf('a'));
    await store.prune({ unusedForMs: 0, removeSnapshot: null });
    await store.clear({ removeSnapshot: null });
    expect(await store.record(keyOf('a'))).toEqual(stepRecord('a'));
    expect(faults).toEqual([expect.stringMatching(/cannot write to the cache folder.*EROFS/)]);
  });
});

test('a blob of 1 GiB goes through in bounded memory', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
  try {
    const program = `
      import { openDirectoryStore } from ${JSON.stringify(new URL('../../engine/cache/directory-store.ts', import.meta.url).href)};
      const { platform, pid } = process;
      const store = openDirectoryStore({ folder: ${JSON.stringify(folder)}, onFault: console.error, maxBytes: 1e10, platform, pid });
      const chunk = Buffer.from(Array.from({ length: 1 << 20 }, () => Math.random() * 16));
      const writer = store.openBlob();
      for (let index = 0; index < 1024; index++) { chunk.writeUInt32LE(index); await writer.write(chunk); }
      const blob = await store.blob(await writer.finish());
      let size = 0;
      for await (const chunk of blob.chunks) size += chunk.length;
      console.log(JSON.stringify([size, blob.verified(), process.resourceUsage().maxRSS / 1024]));`;
    const said = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
    });
    const [size, verified, megabytes] = JSON.parse(said) as [number, boolean, number];
    expect([size, verified]).toEqual([2 ** 30, true]);
    expect(megabytes).toBeLessThan(250);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
