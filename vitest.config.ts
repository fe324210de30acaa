import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: process.env.TAMTRL_SLOW
      ? ['packages/**/*.slow.test.ts', 'test/**/*.slow.test.ts']
      : ['packages/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', ...(process.env.TAMTRL_SLOW ? [] : ['**/*.slow.test.ts'])],
    testTimeout: process.env.TAMTRL_SLOW ? 1_200_000 : 60_000,
    // The engine's worker threads already use every core: more than two test processes only wait for each other.
    maxWorkers: 2,
  },
});
