/** Numbers relative to the others of a set: what advantages and several methods compute. */

/** As in verl: keeps a set of nearly equal numbers from blowing up. */
const EPSILON = 1e-6;

/** x - mean, and with `divided` (x - mean) / (std + 1e-6); the standard deviation divides by n - 1, as torch's. */
export function relative(values: readonly number[], divided: boolean): number[] {
  // Equal numbers have no advantage; rounding in the mean must not give them one.
  if (values.every((value) => value === values[0])) return values.map(() => 0);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const centred = values.map((value) => value - mean);
  if (!divided) return centred;
  const variance = centred.reduce((sum, value) => sum + value * value, 0) / (values.length - 1);
  return centred.map((value) => value / (Math.sqrt(variance) + EPSILON));
}
