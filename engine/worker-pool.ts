// Tasks → at most `size` of them under way at once, started in the order they came.

export type Pool = <T>(task: (aside: Aside) => Promise<T>) => Promise<T>;

/** Leaves the task's place to others for as long as it only waits. */
export type Aside = <T>(wait: () => Promise<T>) => Promise<T>;

/** `size` of null: no limit. */
export function createPool(size: number | null): Pool {
  let free = size ?? Infinity;
  const waiting: (() => void)[] = [];
  const enter = async (): Promise<void> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
  };
  const leave = (): void => {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  };
  const aside: Aside = async (wait) => {
    leave();
    try {
      return await wait();
    } finally {
      await enter();
    }
  };
  return async (task) => {
    await enter();
    try {
      return await task(aside);
    } finally {
      leave();
    }
  };
}
