import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    dir: import.meta.dirname,
    include: ['*.fault.ts'],
    // A part takes minutes; what hangs within it has limits of its own.
    testTimeout: 7_200_000,
    hookTimeout: 600_000,
    // One after another: times and memory are measured.
    fileParallelism: false,
    env: { TAMTRL_THREADS: '1' },
  },
});
