import { expect, test } from 'vitest';
import { createPaint, wantsColor } from '../../../src/report/style.ts';

test.each([
  [{}, true, true],
  [{}, false, false],
  [{ TERM: 'dumb' }, true, false],
  [{ NO_COLOR: '1' }, true, false],
  [{ NO_COLOR: '' }, true, true],
  [{ NO_COLOR: '1', FORCE_COLOR: '1' }, true, false],
  [{ FORCE_COLOR: '1' }, false, true],
  [{ FORCE_COLOR: '3', TERM: 'dumb' }, false, true],
  [{ FORCE_COLOR: '0' }, true, false],
  [{ FORCE_COLOR: 'false' }, true, false],
  [{ FORCE_COLOR: '' }, false, false],
])('environment %j on a terminal %j: colour %j', (environment, isTTY, expected) => {
  expect(wantsColor({ environment, isTTY })).toBe(expected);
});

test('paint colours only when asked', () => {
  expect(createPaint(true)('red', 'x')).toBe('\x1b[31mx\x1b[39m');
  expect(createPaint(false)('red', 'x')).toBe('x');
});
