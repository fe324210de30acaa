import { expect, it } from 'vitest';
import { TrainError } from '../../train/errors.js';
import { EXIT, exitCodeOf, UsageError } from './errors.js';

it('refusals are 2 before a run has begun, and failures after', () => {
  const error = new TrainError('no-data', 'The training set is empty.');
  expect([exitCodeOf(error, false), exitCodeOf(error, true)]).toEqual([EXIT.refused, EXIT.failure]);
  expect(exitCodeOf(new TypeError('x'), false)).toBe(EXIT.failure);
  expect(exitCodeOf(new UsageError('x'), true)).toBe(EXIT.refused);
});
