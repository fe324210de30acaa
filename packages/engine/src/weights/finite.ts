/** Refuses weights that are not numbers. */
import { EngineError } from '../errors.js';

/**
 * @throws EngineError 'non-finite-weights' with the number of values that are not finite and the place of the first.
 */
export function checkFinite(file: string, tensor: string, values: Float32Array): void {
  let count = 0;
  let first = -1;
  for (let i = 0; i < values.length; i++) {
    // x - x is 0 for finite x and NaN otherwise; cheaper than a call.
    if (values[i] - values[i] === 0) continue;
    if (first < 0) first = i;
    count++;
  }
  if (count === 0) return;
  throw new EngineError(
    'non-finite-weights',
    `In tensor "${tensor}" of ${file}, ${count} of ${values.length} values are not finite; the first ` +
      `(${values[first]}) is at index ${first}. The file is damaged, or its training diverged.`,
    { file, tensor, expected: 'finite values', found: `${values[first]} at index ${first}` },
  );
}
