/**
 * How much each token counts in the loss of a mini-batch. The engine sums weight x token loss, so the weights say what
 * the mean is.
 */

/**
 * `token-mean`: over all tokens of the batch (DAPO, arXiv 2503.14476); `sequence-mean`: over conversations of each
 * one's token mean (GRPO).
 */
export type Aggregation = 'token-mean' | 'sequence-mean';

/**
 * `share`: each of a rollout's T turns counts in full; `split`: 1/T, so that long documents count no more than short
 * ones.
 */
export type TurnCredit = 'share' | 'split';

export interface WeightedRow {
  /** Tokens that are trained. */
  tokens: number;
  /** Conversations of the rollout that this one belongs to. */
  turns: number;
}

/**
 * The weight of each token of each row: [rows]. Weights times tokens add up to 1, with `split` too, so the learning
 * rate means the same throughout.
 */
export function lossWeights(rows: readonly WeightedRow[], aggregation: Aggregation, credit: TurnCredit): number[] {
  const credits = rows.map(({ tokens, turns }) => (tokens === 0 ? 0 : credit === 'split' ? 1 / turns : 1));
  if (aggregation === 'token-mean') {
    const total = rows.reduce((sum, { tokens }, at) => sum + credits[at] * tokens, 0);
    return credits.map((own) => (total === 0 ? 0 : own / total));
  }
  const total = credits.reduce((a, b) => a + b, 0);
  return rows.map(({ tokens }, at) => (tokens === 0 ? 0 : credits[at] / (total * tokens)));
}
