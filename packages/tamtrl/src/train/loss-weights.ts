/**
 * How much each token counts in the loss of a mini-batch. The engine sums weight x token loss, so the weights say what
 * the mean is.
 */

/**
 * `token-mean`: over all tokens of the batch (DAPO, arXiv 2503.14476); `sequence-mean`: over conversations of each
 * one's token mean (GRPO); `trajectory-mean`: over rollouts of each one's token mean, all its turns together;
 * `constant`: over conversations of their sums of tokens, divided by the length limit (Dr. GRPO, arXiv 2503.20783), so
 * that a token counts the same whatever the length of its conversation.
 */
export const AGGREGATIONS = ['token-mean', 'sequence-mean', 'trajectory-mean', 'constant'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

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
  /** Of its kind of turn; default 1. */
  weight?: number;
  /** For `trajectory-mean`: the same for the conversations of a rollout. */
  rollout?: unknown;
  /** For `constant`: most tokens that it could have. */
  limit?: number;
}

/**
 * The weight of each token of each row: [rows]. Weights times tokens add up to 1, with `split` and weights too, so the
 * learning rate means the same throughout; with `constant`, to 1 if every conversation is as long as its limit.
 */
export function lossWeights(rows: readonly WeightedRow[], aggregation: Aggregation, credit: TurnCredit): number[] {
  const credits = rows.map(({ tokens, turns, weight = 1 }) =>
    tokens === 0 ? 0 : credit === 'split' ? weight / turns : weight,
  );
  const sums = credits.map((own, at) => own * rows[at].tokens);
  switch (aggregation) {
    case 'token-mean': {
      const total = sumOf(sums);
      return credits.map((own) => (total === 0 ? 0 : own / total));
    }
    case 'trajectory-mean': {
      const ofRollout = new Map<unknown, number>();
      rows.forEach(({ rollout = rows }, at) => {
        ofRollout.set(rollout, (ofRollout.get(rollout) ?? 0) + sums[at]);
      });
      const rollouts = [...ofRollout.values()].filter((sum) => sum > 0).length;
      return rows.map(({ rollout = rows }, at) =>
        credits[at] === 0 ? 0 : credits[at] / ((ofRollout.get(rollout) ?? 0) * rollouts),
      );
    }
    case 'sequence-mean':
    case 'constant': {
      const total = sumOf(credits);
      return rows.map(({ tokens, limit = tokens }, at) => {
        const length = aggregation === 'constant' ? limit : tokens;
        return credits[at] === 0 ? 0 : credits[at] / (total * length);
      });
    }
  }
}

function sumOf(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
