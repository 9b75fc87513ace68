// The test levels as vitest projects: `--project unit` is the fast loop, the others need a container engine.
import { defineConfig } from 'vitest/config';

const level = (name: string, testTimeout: number) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], testTimeout, hookTimeout: testTimeout },
});

export default defineConfig({
  test: {
    projects: [
      level('unit', 10_000),
      level('conformance', 60_000),
      level('cases', 120_000),
      level('e2e', 300_000),
    ],
  },
});
