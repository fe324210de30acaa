/**
 * Ratios of new to old probabilities other than PPO's, as factors of the advantages. Their gradients have the form
 * factor_j A_j grad log pi_j with the factor held fixed, so a loss whose old log-probabilities are those of the present
 * weights (ratio 1) and whose advantages are factor_j A_j has the same gradient, on every policy. The price is a
 * forward pass before each update that does not see the weights which sampled.
 *
 * - `sequence`: GSPO (arXiv 2507.18071): s = exp(mean_j (log pi - log pi_old)) for the whole output of a turn, and
 *   loss -min(s A, clip(s) A). The factor of all tokens is s, or 0 where the clipped term is the smaller one. With
 *   advantages of single tokens this is the paper's GSPO-token.
 * - `cispo`: CISPO (arXiv 2506.13585): the factor is clip(r_j), so that no token loses its gradient.
 */
export type Ratio = 'token' | 'sequence' | 'cispo';

export interface Bounds {
  clipLow: number;
  clipHigh: number;
}

/** Differences beyond this are cut off, as in the loss. */
const LARGEST_DIFFERENCE = 20;

/** Factor of each token's advantage: [tokens]. `present` and `old` are log-probabilities, [tokens]. */
export function ratioFactors(
  ratio: Exclude<Ratio, 'token'>,
  present: readonly number[],
  old: readonly number[],
  advantages: readonly number[],
  { clipLow, clipHigh }: Bounds,
): number[] {
  const differences = present.map((value, token) => limited(value - old[token]));
  if (ratio === 'cispo') {
    return differences.map((value) => Math.min(1 + clipHigh, Math.max(1 - clipLow, Math.exp(value))));
  }
  const whole = Math.exp(meanOf(differences));
  return advantages.map((advantage) => {
    const clipped = Math.min(1 + clipHigh, Math.max(1 - clipLow, whole));
    return clipped * advantage < whole * advantage ? 0 : whole;
  });
}

/** The published loss of each token, whose gradient that of the factors is; GSPO's is the same for all of them. */
export function publishedLosses(
  ratio: Exclude<Ratio, 'token'>,
  present: readonly number[],
  old: readonly number[],
  advantages: readonly number[],
  bounds: Bounds,
): number[] {
  if (ratio === 'cispo') {
    const factors = ratioFactors(ratio, present, old, advantages, bounds);
    return advantages.map((advantage, token) => -factors[token] * advantage * present[token]);
  }
  const whole = Math.exp(meanOf(present.map((value, token) => limited(value - old[token]))));
  const clipped = Math.min(1 + bounds.clipHigh, Math.max(1 - bounds.clipLow, whole));
  return advantages.map((advantage) => -Math.min(whole * advantage, clipped * advantage));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
}

/** A difference of log-probabilities as the loss takes it. */
export function limited(value: number): number {
  return Math.min(LARGEST_DIFFERENCE, Math.max(-LARGEST_DIFFERENCE, value));
}
