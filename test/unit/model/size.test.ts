import { describe, expect, it } from 'vitest';
import { formatBytes, parseSize } from '../../../src/model/size.ts';

describe('parseSize', () => {
  it.each([
    ['512MiB', 512 * 1024 ** 2],
    ['2g', 2 * 1024 ** 3],
    ['1.5G', 1.5 * 1024 ** 3],
    ['64k', 65_536],
    ['100b', 100],
    ['1TiB', 1024 ** 4],
  ])('%s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['', '512', '1MB', '2 g', '-1m', 'm', '99999999t'])('refuses %j', (text) => {
    expect(parseSize(text)).toBeNull();
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0B'],
    [100, '100B'],
    [1024, '1KiB'],
    [512 * 1024 ** 2, '512MiB'],
    [1.5 * 1024 ** 3, '1.5GiB'],
    [5000 * 1024 ** 4, '5000TiB'],
  ])('%d is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
