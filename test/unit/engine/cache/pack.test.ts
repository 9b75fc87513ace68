import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readPackFile, writePackFile } from '../../../../engine/cache/pack-file.ts';
import { packRecords, unpackRecords, type Packable } from '../../../../engine/cache/pack.ts';
import { keyOf } from '../../../../engine/key.ts';
import type { JobRecord, KeyLink, StepRecord } from '../../../../src/model/record.ts';
import { memoryStore, type MemoryStore } from '../../../fakes/memory-store.ts';
import { noSmallDisk, SmallDisk } from '../../../rig/small-disk.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-pack-'));
  path = join(folder, 'pack');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function blobIn(store: MemoryStore, content: Uint8Array): Promise<string> {
  const blob = store.openBlob();
  await blob.write(content);
  return (await blob.finish()) ?? '';
}

const link = (of: 'job' | 'step' | 'end', name: string): KeyLink => {
  const parts = { of, name };
  return { key: keyOf(parts), parts };
};

const stepOf = ({ key }: KeyLink, log: StepRecord['log'] = { frames: '' }): StepRecord => ({
  ...{ schema: 1, kind: 'step', key, at: 1, durationMs: 2000, outputs: { v: '1' }, summary: '# hi', log },
});

const jobOf = ({ key }: KeyLink, more: Partial<JobRecord> = {}): JobRecord => ({
  ...{
    schema: 1,
    kind: 'job',
    key,
    at: 1,
    durationMs: 1,
    outputs: {},
    artifacts: [],
    reports: [],
    finally: [],
  },
  ...more,
});

async function* chunksOf(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield await Promise.resolve(Buffer.from(part));
}

const bundleText = 'the layers of a snapshot';

/** A job of two steps with a long log, an artifact, a file list and a snapshot, in a store. */
async function sample(): Promise<{ store: MemoryStore; what: Packable }> {
  const store = memoryStore();
  const [start, install, skipped, end] = [
    link('job', 'k0'),
    link('step', 'install'),
    link('step', 'no'),
    link('end', 'e'),
  ];
  const log = { blob: await blobIn(store, Buffer.alloc(100_000, 'log ')) };
  const tar = await blobIn(store, Buffer.from('a tar'));
  const files = await blobIn(store, Buffer.from('["lines"]\n'));
  const digest = `sha256:${'0'.repeat(64)}`;
  const records = [
    stepOf(install, log),
    jobOf(end, {
      artifacts: [{ name: 'dist', digest, tar }],
      reports: [{ kind: 'junit', name: 'junit', digest }],
    }),
  ];
  for (const record of records) await store.putRecord(record);
  const chain = { at: 7, links: [start, { ...install, files }, skipped, end] };
  const snapshot = {
    ...{ key: install.key, bytes: 1000 },
    bundle: () => Promise.resolve(chunksOf(bundleText)),
  };
  return { store, what: { records, chain, snapshot } };
}

const unpack = async (): Promise<{ into: MemoryStore; got: Awaited<ReturnType<typeof unpackRecords>> }> => {
  const into = memoryStore();
  return { into, got: await unpackRecords(into, path, 'job') };
};

async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

/** Each blob in a store is what its name says. */
const isSound = ({ blobs }: MemoryStore): boolean =>
  [...blobs].every(([digest, bytes]) => digest === `sha256:${sha256(bytes)}`);

describe('a pack', () => {
  test('gives another store the records, blobs, chain, and the bundle when it is asked for', async () => {
    const { store, what } = await sample();
    expect(await packRecords(store, what, path)).toBe(true);
    const { into, got } = await unpack();
    expect([...into.records.values()]).toEqual(what.records);
    expect(new Map(into.blobs)).toEqual(new Map(store.blobs));
    expect(await into.chains('job')).toEqual([what.chain]);
    expect(got).toMatchObject({ damaged: false, snapshot: { key: what.records[0]?.key, bytes: 1000 } });
    expect(await textOf(got.snapshot?.chunks() ?? chunksOf())).toBe(bundleText);
  });

  test('any contents come back as they were', async () => {
    const contents = fc.array(fc.uint8Array({ maxLength: 5000 }), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        contents,
        // zod takes a `__proto__` away: an output of that name is a miss elsewhere.
        fc.dictionary(
          fc.string().filter((name) => name !== '__proto__'),
          fc.string(),
        ),
        fc.string(),
        async (logs, outputs, summary) => {
          rmSync(path, { force: true });
          const store = memoryStore();
          const links = logs.map((_, index) => link('step', String(index)));
          const records: StepRecord[] = [];
          for (const [index, one] of links.entries()) {
            const blob = await blobIn(store, logs[index] ?? new Uint8Array());
            records.push({ ...stepOf(one, { blob }), outputs: { ...outputs }, summary });
          }
          await packRecords(store, { records, chain: { at: 1, links }, snapshot: null }, path);
          const { into } = await unpack();
          expect([...into.records.values()]).toEqual(records);
          expect(new Map(into.blobs)).toEqual(new Map(store.blobs));
        },
      ),
      { numRuns: 30 },
    );
  });

  test('never holds the id of a snapshot, which means nothing elsewhere', async () => {
    const { store, what } = await sample();
    const [step] = what.records;
    if (step?.kind !== 'step') throw new Error('the first is a step');
    const records = [{ ...step, snapshot: { id: 'sha256:here', bytes: 1 } }];
    await packRecords(store, { ...what, records }, path);
    const { into } = await unpack();
    expect([...into.records.values()]).toEqual([step]);
  });

  test('leaves what is in the store already as it is', async () => {
    const { store, what } = await sample();
    await packRecords(store, what, path);
    const into = memoryStore();
    const [step] = what.records;
    if (step?.kind !== 'step') throw new Error('the first is a step');
    const own = { ...step, snapshot: { id: 'sha256:own', bytes: 1 } };
    await into.putRecord(own);
    const got = await unpackRecords(into, path, 'job');
    expect(await into.record(step.key)).toEqual(own);
    expect(got.keys.has(step.key)).toBe(true);
    await unpackRecords(into, path, 'job');
    expect(await into.chains('job')).toHaveLength(1);
  });

  test('lacks records whose blobs are gone or damaged, and a snapshot that breaks off', async () => {
    const { store, what } = await sample();
    const [step, job] = what.records;
    if (step?.kind !== 'step' || job?.kind !== 'job' || !('blob' in step.log)) throw new Error('see sample');
    store.damage(step.log.blob);
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield* chunksOf('half');
      throw new Error('the engine is lost');
    };
    const snapshot = { key: step.key, bytes: 1, bundle: () => Promise.resolve(broken()) };
    expect(await packRecords(store, { ...what, snapshot }, path)).toBe(true);
    const { into, got } = await unpack();
    expect([...into.records.values()]).toEqual([job]);
    expect(got.snapshot).toBeNull();
  });

  test('is not made when nothing is left to pack', async () => {
    const { store, what } = await sample();
    for (const digest of [...store.blobs.keys()]) store.dropBlob(digest);
    expect(await packRecords(store, what, path)).toBe(false);
    expect(existsSync(path)).toBe(false);
  });

  test('is not made when it would be larger than its reader takes', async () => {
    const { store, what } = await sample();
    expect(await packRecords(store, what, path, 100_000)).toBe(false);
    expect(existsSync(path)).toBe(false);
  });

  test.skipIf(noSmallDisk !== null)('is not made on a full disk', async () => {
    using disk = new SmallDisk(1);
    const store = memoryStore();
    const one = link('step', 'x');
    const noise = Buffer.concat(
      Array.from({ length: 70_000 }, (_, index) => createHash('sha256').update(String(index)).digest()),
    );
    const records = [stepOf(one, { blob: await blobIn(store, noise) })];
    const at = join(disk.path, 'pack');
    expect(await packRecords(store, { records, chain: { at: 1, links: [one] }, snapshot: null }, at)).toBe(
      false,
    );
    expect(existsSync(at)).toBe(false);
  });
});

describe('a broken pack', () => {
  test('cut anywhere gives nothing, and no error', async () => {
    const { store, what } = await sample();
    await packRecords(store, what, path);
    const bytes = readFileSync(path);
    for (let length = 0; length < bytes.length; length += 13) {
      writeFileSync(path, bytes.subarray(0, length));
      const { into, got } = await unpack();
      expect([into.records.size, got.damaged]).toEqual([0, true]);
    }
  });

  test('changed anywhere gives only what verifies', async () => {
    const { store, what } = await sample();
    await packRecords(store, what, path);
    const bytes = readFileSync(path);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ change, at);
        writeFileSync(path, changed);
        const { into, got } = await unpack();
        expect(isSound(into)).toBe(true);
        for (const record of into.records.values()) expect(what.records).toContainEqual(record);
        const bundle = await textOf(got.snapshot?.chunks() ?? chunksOf()).catch(() => bundleText);
        expect(['', bundleText]).toContain(bundle);
      }),
      { numRuns: 200 },
    );
  });

  test('that is not there gives nothing', async () => {
    expect((await unpack()).got).toMatchObject({ damaged: true, snapshot: null });
  });
});

describe('a hostile pack', () => {
  /** What the file says is true to its bytes, so that only what is in it is refused. */
  async function write(body: unknown, parts: Readonly<Record<string, string>> = {}): Promise<void> {
    rmSync(path, { force: true });
    await using pack = await writePackFile(path);
    for (const [name, content] of Object.entries(parts)) await pack.add(name, chunksOf(content));
    await pack.finish(body);
  }
  const end = link('end', 'e');
  const step = link('step', 's');
  const good = { schema: 1, chain: { at: 1, links: [step, end] }, records: [stepOf(step)] };

  test('the measure: this one is taken', async () => {
    await write(good);
    expect((await unpack()).into.records.size).toBe(1);
  });

  const digest = `sha256:${'a'.repeat(64)}`;
  test.each<readonly [string, unknown]>([
    ['a record that no link names', { ...good, chain: { at: 1, links: [end] } }],
    [
      'a link whose parts give another key',
      { ...good, chain: { at: 1, links: [{ ...step, key: end.key }, end] } },
    ],
    ['a step under the key of an end', { ...good, records: [{ ...stepOf(step), key: end.key }] }],
    ['a job under the key of a step', { ...good, records: [jobOf(step)] }],
    [
      'an artifact called ../x',
      { ...good, records: [jobOf(end, { artifacts: [{ name: '../x', digest }] })] },
    ],
    ['an artifact called ..', { ...good, records: [jobOf(end, { artifacts: [{ name: '..', digest }] })] }],
    [
      'an artifact with a slash',
      { ...good, records: [jobOf(end, { artifacts: [{ name: 'a/b', digest }] })] },
    ],
    [
      'a report of no kind',
      { ...good, records: [{ ...jobOf(end), reports: [{ kind: '../x', name: 'x', digest }] }] },
    ],
    ['a key that is a path', { ...good, records: [{ ...stepOf(step), key: '../../x' }] }],
    ['a log that is a path', { ...good, records: [stepOf(step, { blob: '../../etc/passwd' })] }],
    ['a blob that is not in it', { ...good, records: [stepOf(step, { blob: digest })] }],
    ['another schema', { ...good, schema: 2 }],
    ['outputs that are no texts', { ...good, records: [{ ...stepOf(step), outputs: { v: {} } }] }],
    ['no body', null],
  ])('%s: nothing is taken', async (_, body) => {
    await write(body);
    const { into, got } = await unpack();
    expect([into.records.size, into.blobs.size, got.damaged]).toEqual([0, 0, true]);
    expect(await into.chains('job')).toEqual([]);
  });

  test('nested a million deep: nothing is taken', async () => {
    const deep = `{"parts":{},"body":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}`;
    writeFileSync(path, fileOf(Buffer.alloc(0), Buffer.from(deep)));
    expect((await unpack()).got.damaged).toBe(true);
  });

  test('blobs under each other’s names: neither is taken', async () => {
    const [one, two] = ['one', 'two'].map((text) => `sha256:${sha256(Buffer.from(text))}`);
    const records = [stepOf(step, { blob: one ?? '' })];
    await write({ ...good, records }, { [one ?? '']: 'two', [two ?? '']: 'one' });
    const { into } = await unpack();
    expect([into.records.size, into.blobs.size]).toEqual([0, 0]);
  });

  /** A pack by hand: what writes packs does not write such ones. */
  function fileOf(parts: Buffer, index: Buffer, says = { at: parts.length, bytes: index.length }): Buffer {
    const packed = zstdCompressSync(index);
    const footer = Buffer.alloc(52);
    footer.writeBigUInt64BE(BigInt(says.at), 0);
    footer.writeUInt32BE(packed.length, 8);
    footer.writeUInt32BE(says.bytes, 12);
    footer.write(sha256(packed), 16, 'hex');
    footer.write('LSP1', 48, 'latin1');
    return Buffer.concat([parts, packed, footer]);
  }

  describe('that says', () => {
    const bomb = zstdCompressSync(Buffer.alloc(50 << 20));
    const name = `sha256:${sha256(Buffer.alloc(50 << 20))}`;
    const body = { ...good, records: [stepOf(step, { blob: name })] };
    const withPart = (part: object): Buffer =>
      fileOf(bomb, Buffer.from(JSON.stringify({ parts: { [name]: part }, body })));
    const sound = { at: 0, stored: bomb.length, bytes: 50 << 20, sha256: name.slice(7) };

    test('the truth is taken', async () => {
      writeFileSync(path, withPart(sound));
      expect((await unpack()).into.records.size).toBe(1);
    });

    test.each([
      ['less than there is', { ...sound, bytes: 1000 }],
      ['more than a disk takes', { ...sound, bytes: 2 ** 50 }],
      ['a place outside', { ...sound, at: bomb.length }],
      ['a place before', { ...sound, at: -1 }],
      ['half a byte', { ...sound, at: 0.5 }],
      ['nothing', { ...sound, stored: 0 }],
      ['another digest', { ...sound, sha256: '0' }],
    ])('%s is not taken', async (_, part) => {
      writeFileSync(path, withPart(part));
      const { into } = await unpack();
      expect([into.records.size, into.blobs.size]).toEqual([0, 0]);
    });

    test('too much stops as soon as it shows', async () => {
      writeFileSync(path, withPart({ ...sound, bytes: 1000 }));
      const pack = await readPackFile(path);
      const part = pack.parts.get(name);
      if (part === undefined) throw new Error('it has one');
      let seen = 0;
      await expect(
        (async () => {
          for await (const chunk of pack.read(part)) seen += chunk.length;
        })(),
      ).rejects.toThrow('larger than it says');
      expect(seen).toBeLessThanOrEqual(1000);
    });

    test('an index that is larger than it says, or than memory takes, is not unpacked', async () => {
      const index = Buffer.from(JSON.stringify({ parts: {}, body: good }));
      for (const bytes of [10, 2 ** 31]) {
        writeFileSync(path, fileOf(Buffer.alloc(0), index, { at: 0, bytes }));
        expect((await unpack()).into.records.size).toBe(0);
      }
    });
  });
});
