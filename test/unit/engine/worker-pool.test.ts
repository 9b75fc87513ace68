import { expect, test } from 'vitest';
import { createPool } from '../../../engine/worker-pool.ts';

async function most(size: number | null, tasks: number): Promise<{ most: number; order: number[] }> {
  const pool = createPool(size);
  let running = 0;
  let highest = 0;
  const order: number[] = [];
  await Promise.all(
    Array.from({ length: tasks }, (_, index) =>
      pool(async () => {
        order.push(index);
        running += 1;
        highest = Math.max(highest, running);
        await new Promise(setImmediate);
        running -= 1;
      }),
    ),
  );
  return { most: highest, order };
}

test('never more at once than its size, in the order they came', async () => {
  expect(await most(2, 7)).toEqual({ most: 2, order: [0, 1, 2, 3, 4, 5, 6] });
});

test('null is no limit', async () => {
  expect((await most(null, 7)).most).toBe(7);
});

test('a task that throws gives its place back', async () => {
  const pool = createPool(1);
  await expect(pool(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await pool(() => Promise.resolve('yes'))).toBe('yes');
});

test('who steps aside leaves the place to others, and waits for one again', async () => {
  const pool = createPool(1);
  const order: string[] = [];
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const first = pool(async (aside) => {
    await aside(() => promise);
    order.push('first goes on');
  });
  const second = pool(() => {
    resolve(undefined);
    return new Promise<void>(setImmediate).then(() => void order.push('second ends'));
  });
  await Promise.all([first, second]);
  expect(order).toEqual(['second ends', 'first goes on']);
});

test('what fails aside fails its task, which gives its place back', async () => {
  const pool = createPool(1);
  await expect(pool((aside) => aside(() => Promise.reject(new Error('no'))))).rejects.toThrow('no');
  expect(await pool(() => Promise.resolve('yes'))).toBe('yes');
});
