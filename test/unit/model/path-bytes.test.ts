import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePaths, decodePath, diskPath, encodePath } from '../../../src/model/path-bytes.ts';

/** Bytes that are often nearly UTF-8. */
const anyBytes = fc
  .array(
    fc.oneof(
      fc.constantFrom(0x61, 0x2f, 0xc3, 0xa9, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0x98, 0xff),
      fc.integer({ min: 1, max: 255 }),
      fc.constantFrom(...Buffer.from('\u{1f600}')),
    ),
    { maxLength: 24 },
  )
  .map((bytes) => Buffer.from(bytes));

describe('names in any bytes', () => {
  it('gives back the bytes it was given', () =>
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(encodePath(decodePath(bytes))).toEqual(bytes);
      }),
      { numRuns: 2000 },
    ));

  it('leaves UTF-8 as it is', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (path) => {
        expect(decodePath(Buffer.from(path))).toBe(path);
        expect(encodePath(path)).toEqual(Buffer.from(path));
      }),
    ));

  it('gives each wrong byte its own code unit', () => {
    expect(decodePath(Buffer.from([0x61, 0xff, 0x62]))).toBe('a\udcffb');
    expect(decodePath(Buffer.from([0xed, 0xa0, 0x80]))).toBe('\udced\udca0\udc80');
    expect(decodePath(Buffer.from([0xf0, 0x9f, 0x98]))).toBe('\udcf0\udc9f\udc98');
  });

  it('orders by bytes', () =>
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        expect(Math.sign(comparePaths(decodePath(a), decodePath(b)))).toBe(Math.sign(Buffer.compare(a, b)));
      }),
      { numRuns: 2000 },
    ));

  it('says where a path lies on disk', () => {
    expect(diskPath('/root', 'a/b')).toBe('/root/a/b');
    expect(diskPath('/root', '')).toBe('/root');
    expect(diskPath('/root', '\udcff')).toEqual(Buffer.concat([Buffer.from('/root/'), Buffer.of(0xff)]));
  });
});
