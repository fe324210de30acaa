import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: process.env.TAMTRL_SLOW
      ? ['packages/**/*.slow.test.ts', 'test/**/*.slow.test.ts']
      : ['packages/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', ...(process.env.TAMTRL_SLOW ? [] : ['**/*.slow.test.ts'])],
    testTimeout: process.env.TAMTRL_SLOW ? 1_200_000 : 60_000,
    // Files of a process share their modules: loading them for each file would take a third of the time.
    isolate: false,
    // One more than there are cores fills the pauses of tests that wait for others; the engine's own threads use every core already.
    maxWorkers: availableParallelism() + 1,
  },
});
