// The test levels as vitest projects: `--project unit` is the fast loop, `providers` needs no engine, the others do.
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** A real engine on a small, noisy machine gets a second try; vitest's output names every test that needed one. */
const level = (name: string, testTimeout: number, retry = 1) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout, retry },
});

export default defineConfig({
  test: {
    // Most of a test's time the engine works, or a disk: a worker for each processor waits for them.
    maxWorkers: availableParallelism(),
    projects: [
      level('unit', 10_000, 0),
      level('conformance', 60_000),
      level('providers', 60_000),
      level('cases', 120_000),
      level('e2e', 300_000),
    ],
  },
});
