import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Endings } from '../../../../engine/docker/endings.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('what was put off comes after a while, once', () => {
  const endings = new Endings();
  const end = vi.fn();
  endings.add(end);
  vi.advanceTimersByTime(2_500);
  expect(end).not.toHaveBeenCalled();
  vi.advanceTimersByTime(2_500);
  endings.endAll();
  expect(end).toHaveBeenCalledTimes(1);
});

test('too many do not wait: the first goes', () => {
  const endings = new Endings();
  const ended: number[] = [];
  for (let index = 0; index < 10; index++) endings.add(() => ended.push(index));
  expect(ended).toEqual([0, 1]);
});

test('all come at once when nothing is left to wait for', () => {
  const endings = new Endings();
  const ends = [vi.fn(), vi.fn()];
  for (const end of ends) endings.add(end);
  endings.endAll();
  vi.advanceTimersByTime(10_000);
  for (const end of ends) expect(end).toHaveBeenCalledTimes(1);
});
