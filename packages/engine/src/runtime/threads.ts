import { availableParallelism } from 'node:os';
import { EngineError } from '../errors.js';

/** How many threads an operator gets if the caller does not say. */
export const THREADS_VARIABLE = 'TAMTRL_THREADS';

/**
 * Threads of one operator where the caller names no number: `TAMTRL_THREADS`, or the machine's cores.
 * @throws EngineError 'invalid-argument' if the variable holds anything but a whole number of at least 1.
 */
export function defaultThreads(): number {
  const text = process.env[THREADS_VARIABLE];
  if (text === undefined || text === '') return availableParallelism();
  const threads = Number(text);
  if (Number.isSafeInteger(threads) && threads >= 1) return threads;
  throw new EngineError(
    'invalid-argument',
    `The environment variable ${THREADS_VARIABLE} is "${text}"; expected a whole number of at least 1. ` +
      'Correct it, or unset it to use every core.',
    { expected: 'a whole number of at least 1', found: text },
  );
}
