import { expect, test } from 'vitest';
import { pause, startDeadline } from '../../../engine/deadline.ts';

const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

test('time up aborts and says so', async () => {
  using deadline = startDeadline(1, [new AbortController().signal]);
  if (!deadline.signal.aborted) await aborted(deadline.signal);
  expect(deadline.timedOut).toBe(true);
});

test('another signal first is no time-out, even when the time then runs out', async () => {
  const stop = new AbortController();
  using deadline = startDeadline(1, [stop.signal]);
  stop.abort();
  await new Promise((resolve) => setTimeout(resolve, 3));
  expect(deadline.signal.aborted).toBe(true);
  expect(deadline.timedOut).toBe(false);
});

test('a time longer than a timer can be does not fire at once', async () => {
  using deadline = startDeadline(Infinity, []);
  await new Promise(setImmediate);
  expect(deadline.signal.aborted).toBe(false);
});

test('a pause ends early when the signal aborts, and at once when it already has', async () => {
  const stop = new AbortController();
  const paused = pause(3_600_000, stop.signal);
  stop.abort();
  await paused;
  await pause(3_600_000, stop.signal);
});
