/**
 * Joins the outcome R of a rollout with the scores of its memory turns. `product` is TAMTRL's (arXiv 2603.21663, Eq.
 * 6), `additive` its ablation "plus reward"; `gated` is ours.
 */
import { z } from 'zod';

/** What `reward` of the configuration says about it. */
export const combineOptions = {
  /**
   * The reward of a memory turn with score p. `product`: R p; `gated`: R (1 + alpha p); `additive`: R + alpha p. The
   * first two leave failures at 0; `additive` pays for high scores whether or not the answer is right.
   */
  combine: z.enum(['product', 'gated', 'additive']).default('product'),
  /** Weight of the turn score in `gated` and `additive`. */
  alpha: z.number().default(1),
};

export type CombineOptions = z.output<z.ZodObject<typeof combineOptions>>;

/**
 * Rewards of the memory turns and, last, of the answer turn, which keeps R. Without scores every turn gets R. [T + 1]
 */
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
