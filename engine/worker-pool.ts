// Tasks → at most `size` of them under way at once, started in the order they came.

export type Pool = <T>(task: () => Promise<T>) => Promise<T>;

/** `size` of null: no limit. */
export function createPool(size: number | null): Pool {
  let free = size ?? Infinity;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
