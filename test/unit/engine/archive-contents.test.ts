// A file that may be an archive → the files inside, as far as they can be read.
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archiveContents, isArchive } from '../../../engine/archive-contents.ts';
import { zip } from '../../rig/zip.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'archive-contents-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What is found, by name; an archive within one after itself. */
async function contentsOf(bytes: Uint8Array, name = 'a', most?: number): Promise<[string, Buffer][]> {
  const path = join(folder, 'archive');
  writeFileSync(path, bytes);
  const found: [string, Buffer][] = [];
  for await (const file of archiveContents(path, name, most)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of file.content) chunks.push(chunk);
    found.push([file.name, Buffer.concat(chunks)]);
  }
  return found;
}
const textsOf = async (...of: Parameters<typeof contentsOf>): Promise<Record<string, string>> =>
  Object.fromEntries((await contentsOf(...of)).map(([name, bytes]) => [name, bytes.toString()]));
const sizesOf = async (...of: Parameters<typeof contentsOf>): Promise<Record<string, number>> =>
  Object.fromEntries((await contentsOf(...of)).map(([name, bytes]) => [name, bytes.length]));

const text = 'what was packed, and what was packed again';

describe('which files', () => {
  test('are gzip or zip by their first bytes', () => {
    expect(isArchive(gzipSync(''))).toBe(true);
    expect(isArchive(zip([]))).toBe(true);
    expect(isArchive(zip([{ name: 'a', data: '' }]))).toBe(true);
    expect(
      ['', 'P', 'PK', 'PK\x03', 'PK\x03\x06', '#!/bin/sh'].some((head) => isArchive(Buffer.from(head))),
    ).toBe(false);
  });

  test.each([
    ['nothing', ''],
    ['a text', 'plain'],
    ['the beginning of a zip and no more', 'PK\x03\x04'],
    ['the beginning of a zip before a text', `PK\x03\x04${text.repeat(10_000)}`],
    ['the end of a zip cut short', 'PK\x05\x06'],
  ])('hold nothing: %s', async (_, content) => {
    expect(await textsOf(Buffer.from(content, 'latin1'))).toEqual({});
  });

  test.each([
    ['two bytes', '1f8b'],
    ['another method', `1f8b09000000000000ff${'00'.repeat(20)}`],
    ['a header that never ends', `1f8b08${'ff'.repeat(30)}`],
    ['a name that never ends', `1f8b0808${'61'.repeat(10_000)}`],
    ['no deflated data', `1f8b08000000000000ff${'ff'.repeat(100)}`],
  ])('only begin like a gzip: %s', async (_, hex) => {
    expect(Object.values(await textsOf(Buffer.from(hex, 'hex')))).toEqual(['']);
  });
});

describe('gzip', () => {
  test.each([
    ['out/app.tar.gz', 'app.tar'],
    ['out/app.tgz', 'app.tar'],
    ['LOG.GZ', 'LOG'],
    ['odd', 'odd'],
  ])('is named as gunzip would: %s', async (name, inner) => {
    expect(await textsOf(gzipSync(text), name)).toEqual({ [inner]: text });
  });

  test('is read in all its members, one after the other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 200_000 }), { minLength: 1, maxLength: 5 }),
        async (parts) => {
          const [[, bytes] = []] = await contentsOf(Buffer.concat(parts.map((part) => gzipSync(part))));
          expect(bytes?.equals(Buffer.concat(parts))).toBe(true);
        },
      ),
      { numRuns: 20 },
    );
  });

  test.each(['garbage', '\0\0\0\0', '\x1f\x8b\xff\xff and on'])(
    'is read before what follows it: %j',
    async (rest) => {
      const bytes = Buffer.concat([gzipSync(text), gzipSync(text), Buffer.from(rest, 'latin1')]);
      expect(await textsOf(bytes)).toEqual({ a: text + text });
    },
  );

  test('may have an extra field, a name, a comment and a checksum in its header', async () => {
    const flags = Buffer.from('1f8b081e0000000000ff', 'hex');
    const fields = Buffer.from('\x03\0abcname\0comment\0\x01\x02', 'latin1');
    expect(await textsOf(Buffer.concat([flags, fields, deflateRawSync(text), Buffer.alloc(8)]))).toEqual({
      a: text,
    });
  });

  test('is read as far as it goes when it is cut, and its checksum does not matter', async () => {
    const noise = randomBytes(100_000);
    const whole = gzipSync(noise);
    const found = (await contentsOf(whole.subarray(0, 70_000)))[0]?.[1] ?? Buffer.alloc(0);
    expect(found.length).toBeGreaterThan(69_000);
    expect(found.equals(noise.subarray(0, found.length))).toBe(true);
    expect((await contentsOf(whole.fill(0, whole.length - 8)))[0]?.[1].equals(noise)).toBe(true);
  });

  test('of a tar shows the bytes of its files', async () => {
    const tar = pack();
    tar.entry({ name: 'config/.env' }, text);
    tar.finalize();
    const chunks: Buffer[] = [];
    for await (const chunk of tar as AsyncIterable<Buffer>) chunks.push(chunk);
    expect((await textsOf(gzipSync(Buffer.concat(chunks)), 'x.tgz'))['x.tar']).toContain(text);
  });
});

describe('zip', () => {
  test('shows its files, deflated and stored, whatever their names', async () => {
    const bytes = zip([
      { name: 'deflated', data: text },
      { name: 'folder/', data: '', stored: true },
      { name: '/../C:\\stored', data: text, stored: true, comment: 'of the file' },
      { name: Buffer.from([0xff]), data: '' },
    ]);
    const expected = { deflated: text, 'folder/': '', '/../C:\\stored': text, '\udcff': '' };
    expect(await textsOf(bytes)).toEqual(expected);
  });

  test('may be empty, and have a comment', async () => {
    expect(await textsOf(zip([]))).toEqual({});
    expect(await textsOf(zip([{ name: 'a', data: text }], 'PK\x03\x04, so to speak'))).toEqual({ a: text });
  });

  test('is read with sizes of 64 bits', async () => {
    const bytes = zip(
      [...Array(3).keys()].map((n) => ({ name: `${n}`, data: text, stored: n === 1, zip64: true })),
    );
    expect(await textsOf(bytes)).toEqual({ 0: text, 1: text, 2: text });
  });

  test('is read past entries that are encrypted, of another method, damaged or lie about their size', async () => {
    const bytes = zip([
      { name: 'encrypted', data: text, encrypted: true },
      { name: 'bzip2', data: text, method: 12 },
      { name: 'damaged', data: text, deflated: Buffer.alloc(100, 0xff) },
      { name: 'longer', data: 'short', deflated: deflateRawSync(text) },
      { name: 'shorter', data: text.repeat(9), stored: true, deflated: Buffer.from(text) },
      { name: 'cut', data: text, deflated: deflateRawSync(text).subarray(0, -4) },
      { name: 'whole', data: text },
    ]);
    const nothing = { encrypted: '', bzip2: '', damaged: '' };
    const found = await textsOf(bytes);
    expect(found).toEqual({ ...nothing, longer: text, shorter: text, cut: found.cut, whole: text });
    expect(text.startsWith(found.cut ?? '-')).toBe(true);
  });

  test('shows large files too, and what comes before the damage in one', async () => {
    const noise = randomBytes(500_000);
    const deflated = deflateRawSync(noise);
    const bytes = zip([
      { name: 'whole', data: noise },
      { name: 'damaged', data: noise, deflated: Buffer.from(deflated).fill(0xff, 400_000) },
      { name: 'cut', data: noise, deflated: deflated.subarray(0, 400_000) },
    ]);
    const [whole, damaged, cut] = (await contentsOf(bytes)).map(([, content]) => content);
    expect(whole?.equals(noise)).toBe(true);
    expect(cut?.length).toBeGreaterThan(390_000);
    expect(damaged?.length).toBeGreaterThan(200_000);
    expect(damaged?.subarray(0, 200_000).equals(noise.subarray(0, 200_000))).toBe(true);
  });

  test.each([
    ['cut', (bytes: Buffer) => bytes.subarray(0, -10)],
    ['with something behind it', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('more')])],
    [
      'with its directory beyond 2^53',
      (bytes: Buffer) => {
        const locator = Buffer.from(`504b060700000000${'ff'.repeat(8)}01000000`, 'hex');
        return Buffer.concat([bytes.subarray(0, -22), locator, bytes.subarray(-22)]);
      },
    ],
  ])('%s shows nothing', async (_, damage) => {
    expect(await textsOf(damage(zip([{ name: 'a', data: text }])))).toEqual({});
  });

  test('with any bytes changed is no error', async () => {
    const whole = zip([
      { name: 'a', data: text },
      { name: 'b', data: text, stored: true, zip64: true },
      { name: 'c', data: zip([{ name: 'd', data: text, zip64: true }]), stored: true },
    ]);
    const change = fc.tuple(fc.nat(whole.length - 1), fc.oneof(fc.constant(0xff), fc.nat(255)));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        for (const [, content] of await contentsOf(bytes)) expect(content.length).toBeLessThan(2000);
      }),
      { numRuns: 60 },
    );
  });
});

describe('an archive in an archive', () => {
  test('shows what it holds, three deep', async () => {
    const third = gzipSync(gzipSync('too deep'));
    const bytes = zip([
      { name: 'app.tgz', data: gzipSync(zip([{ name: 'lib.gz', data: third }])), stored: true },
      { name: 'b.jar', data: zip([{ name: 'B.class', data: text }]) },
    ]);
    const found = await textsOf(bytes);
    expect(Object.keys(found)).toEqual([
      'app.tgz',
      'app.tgz: app.tar',
      'app.tgz: app.tar: lib.gz',
      'b.jar',
      'b.jar: B.class',
    ]);
    expect(found['b.jar: B.class']).toBe(text);
  });

  test('is looked into as far as it is held in memory', async () => {
    const large = gzipSync(Buffer.concat([Buffer.from('first'), Buffer.alloc(33 << 20)]), { level: 0 });
    const found = await contentsOf(zip([{ name: 'large.gz', data: large, stored: true }]));
    expect(found.map(([name]) => name)).toEqual(['large.gz', 'large.gz: large']);
    expect(found[0]?.[1].length).toBe(large.length);
    expect(found[1]?.[1].toString('latin1', 0, 5)).toBe('first');
    expect(found[1]?.[1].length).toBeLessThanOrEqual(32 << 20);
  });
});

describe('a bomb', () => {
  const most = 1 << 20;
  const zeros = Buffer.alloc(16 << 20);

  test('of one file ends at the bound', async () => {
    const { a = 0 } = await sizesOf(gzipSync(zeros), 'a', most);
    expect(a).toBe(most - 4096);
  });

  test('of many files, or in the second layer, ends at the same bound', async () => {
    const many = Array.from({ length: 100 }, (_, n) => ({
      name: `${n}`,
      data: zeros.subarray(0, most / 10),
    }));
    for (const bytes of [
      zip(many),
      gzipSync(gzipSync(zeros)),
      zip([{ name: 'in', data: gzipSync(zeros) }]),
    ]) {
      const sizes = Object.values(await sizesOf(bytes, 'a', most));
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(most);
    }
  });

  test('of empty files or members ends too', async () => {
    const files = zip(Array.from({ length: 1000 }, (_, n) => ({ name: `${n}`, data: '', stored: true })));
    expect((await contentsOf(files, 'a', most)).length).toBe(most / 4096 - 1);
    const members = [...Array<Buffer>(300).fill(gzipSync('')), gzipSync('not reached')];
    expect(await textsOf(Buffer.concat(members), 'a', most)).toEqual({ a: '' });
  });
});

test('a file that is not there is an error', async () => {
  const file = archiveContents(join(folder, 'missing'), 'missing');
  await expect(file.next()).rejects.toThrow('ENOENT');
});
