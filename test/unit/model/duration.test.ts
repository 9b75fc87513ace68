import { describe, expect, it } from 'vitest';
import { parseDuration } from '../../../src/model/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['500ms', 500],
    ['1s', 1000],
    ['20m', 1_200_000],
    ['1h30m', 5_400_000],
    ['30d', 2_592_000_000],
    ['1m500ms', 60_500],
    ['0s', 0],
    ['090s', 90_000],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '20', '20 m', 'm', '1.5h', '-1s', '30m1h', '1s1s', '20M', '1w', '9999999999999999d'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );
});
