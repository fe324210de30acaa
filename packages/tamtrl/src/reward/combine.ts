/**
 * Joins the outcome R of a rollout with the scores of its memory turns. `product` is TAMTRL's (arXiv 2603.21663,
 * Eq. 6), `additive` its ablation "plus reward"; `gated` and the floor are ours. `score` is what IGPO does (arXiv
 * 2510.14967), `advantages` what ReMemR1 (arXiv 2509.23040) and GRU-Mem (arXiv 2602.10560) do.
 */
import { z } from 'zod';

/** What `reward` of the configuration says about it. */
export const combineOptions = {
  /**
   * The reward of a memory turn with score p. `product`: R p; `gated`: R (1 + alpha p); `additive`: R + alpha p. The
   * first two leave failures at 0; `additive` pays for high scores whether or not the answer is right. `score`: p
   * alone, so that R is the answer turn's; with `returns`, it reaches the memory turns from there. `advantages`: R and
   * p are not added up but compared with those of the other rollouts apart, and the turn's advantage is (1 - alpha)
   * A(R) + alpha A(p).
   */
  combine: z.enum(['product', 'gated', 'additive', 'score', 'advantages']).default('product'),
  /** Weight of the turn score in `gated`, `additive` and `advantages`. */
  alpha: z.number().default(1),
  /** For `product`: R (floor + (1 - floor) p), so that a right answer always earns something; absent: 0. */
  floor: z.number().min(0).max(1).optional(),
};

export type CombineOptions = z.output<z.ZodObject<typeof combineOptions>>;

/**
 * Rewards of the memory turns and, last, of the answer turn, which keeps R. Without scores every turn gets R,
 * or 0 with `score`. [T + 1]
 */
export function combineRewards(
  outcome: number,
  turns: number,
  scores: readonly number[] | undefined,
  options: CombineOptions,
): number[] {
  const rewards = Array.from({ length: turns }, (_, turn) =>
    scores === undefined ? withoutScore(outcome, options) : combined(outcome, scores[turn], options),
  );
  return [...rewards, outcome];
}

function withoutScore(outcome: number, { combine }: CombineOptions): number {
  return combine === 'score' ? 0 : outcome;
}

/** In `advantages`, what is shown as the turn's reward: its two parts are compared with others apart. */
function combined(outcome: number, score: number, { combine, alpha, floor = 0 }: CombineOptions): number {
  switch (combine) {
    case 'product':
      return outcome * (floor + (1 - floor) * score);
    case 'gated':
      return outcome * (1 + alpha * score);
    case 'additive':
      return outcome + alpha * score;
    case 'score':
      return score;
    case 'advantages':
      return (1 - alpha) * outcome + alpha * score;
  }
}
