/**
 * Joins the outcome R of a rollout with the scores of its memory turns. The public text of TAMTRL does not give the form; these
 * are ours to choose from.
 */

/**
 * r_t = `product`: R p; `gated`: R (1 + alpha p); `additive`: R + alpha p. The first two leave failures at 0 as long as p is not
 * negative; `additive` pays for likely memories whether or not the answer is right.
 */
export type Combine = 'product' | 'gated' | 'additive';

export interface CombineOptions {
  combine: Combine;
  /** Weight of the score; `product` does not use it. */
  alpha: number;
}

/** Rewards of the memory turns and, last, of the answer turn, which keeps R. Without scores every turn gets R. [T + 1] */
export function combineRewards(
  outcome: number,
  turns: number,
  scores: readonly number[] | undefined,
  options: CombineOptions,
): number[] {
  const rewards = Array.from({ length: turns }, (_, turn) =>
    scores === undefined ? outcome : combined(outcome, scores[turn], options),
  );
  return [...rewards, outcome];
}

function combined(outcome: number, score: number, { combine, alpha }: CombineOptions): number {
  switch (combine) {
    case 'product':
      return outcome * score;
    case 'gated':
      return outcome * (1 + alpha * score);
    case 'additive':
      return outcome + alpha * score;
  }
}
