import { availableParallelism } from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { defaultThreads } from './threads.js';

afterEach(() => void vi.unstubAllEnvs());

it('uses every core, or as many as TAMTRL_THREADS says', () => {
  vi.stubEnv('TAMTRL_THREADS', '');
  expect(defaultThreads()).toBe(availableParallelism());
  vi.stubEnv('TAMTRL_THREADS', '3');
  expect(defaultThreads()).toBe(3);
});

it.each(['0', '-1', '1.5', 'all'])('refuses TAMTRL_THREADS=%s', (text) => {
  vi.stubEnv('TAMTRL_THREADS', text);
  expect(() => defaultThreads()).toThrow(
    `The environment variable TAMTRL_THREADS is "${text}"; expected a whole number of at least 1. Correct it, or ` +
      'unset it to use every core.',
  );
});
