import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: process.env.TAMTRL_SLOW
      ? ['packages/**/*.slow.test.ts', 'test/**/*.slow.test.ts']
      : ['packages/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [
      '**/node_modules/**',
      '**/dist/**',
      ...(process.env.TAMTRL_SLOW ? [] : ['**/*.slow.test.ts']),
      // A browser and other files at once would make both slow.
      ...(process.env.TAMTRL_BROWSER ? [] : ['**/*.browser.test.ts']),
    ],
    // Against tests that hang; on a machine with much other work a second becomes a minute.
    testTimeout: process.env.TAMTRL_SLOW ? 1_200_000 : 300_000,
    hookTimeout: 300_000,
    // Files of a process share their modules: loading them for each file would take a third of the time.
    isolate: false,
    setupFiles: process.env.TAMTRL_SLOW ? [] : ['test/engine-threads.ts'],
    // Threads that wait for the little work of tiny models keep the cores from the other files. The slow tests use all.
    env: process.env.TAMTRL_SLOW ? {} : { TAMTRL_THREADS: '1' },
    // One more than there are cores fills the pauses of tests that wait for others.
    maxWorkers: availableParallelism() + 1,
  },
});
