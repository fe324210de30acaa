/** From rollouts with advantages to the rows that are trained: one for each conversation. */

import { SeededRandom } from '../base/random.js';
import type { Trajectory } from '../memory/trajectory.js';
import type { TrainingRow } from '../policy/types.js';
import { TrainError } from './errors.js';
import { type Aggregation, lossWeights, type TurnCredit } from './loss-weights.js';
import type { Advantages } from './token-advantages.js';

/** A conversation of a rollout. */
export interface Row {
  promptIds: readonly number[];
  completionIds: readonly number[];
  /** Of the turn: every token that the policy wrote in it gets it, and no prompt token. */
  advantage: number;
  /** Of each token, where they differ. */
  advantages?: readonly number[];
  /** The sampler's. */
  sampledLogProbabilities: readonly number[];
  oldLogProbabilities?: readonly number[];
  referenceLogProbabilities?: readonly number[];
  /** Conversations of its rollout. */
  turns: number;
}

/** `advantages`: [rollouts][turns], as the trajectories. */
export function expandRows(trajectories: readonly Trajectory[], { advantages, tokenAdvantages }: Advantages): Row[] {
  return trajectories.flatMap(({ turns, questionId, sample }, rollout) => {
    assertCount(turns.length, advantages[rollout].length, `advantages of rollout ${sample} of ${questionId}`);
    return turns.map((turn, index): Row => {
      assertCount(turn.outputIds.length, turn.logProbabilities.length, `log-probabilities of a turn of ${questionId}`);
      return {
        promptIds: turn.promptIds,
        completionIds: turn.outputIds,
        advantage: advantages[rollout][index],
        ...(tokenAdvantages && { advantages: tokenAdvantages[rollout][index] }),
        sampledLogProbabilities: turn.logProbabilities,
        turns: turns.length,
      };
    });
  });
}

/** Deals the rows into `count` mini-batches of nearly equal size, in random order if there is more than one. */
export function miniBatches(rows: readonly Row[], count: number, ...seed: (number | string)[]): Row[][] {
  if (count === 1) return rows.length === 0 ? [] : [[...rows]];
  const shuffled = new SeededRandom('mini-batches', ...seed).shuffled(rows);
  return Array.from({ length: count }, (_, batch) => {
    return shuffled.slice(Math.floor((batch * rows.length) / count), Math.floor(((batch + 1) * rows.length) / count));
  }).filter((batch) => batch.length > 0);
}

/** What the engine trains on, with the loss weights of this mini-batch. */
export function trainingRows(rows: readonly Row[], aggregation: Aggregation, credit: TurnCredit): TrainingRow[] {
  const weights = lossWeights(
    rows.map(({ completionIds, turns }) => ({ tokens: completionIds.length, turns })),
    aggregation,
    credit,
  );
  return rows.map((row, index) => {
    const all = (value: number) => new Array<number>(row.completionIds.length).fill(value);
    return {
      promptIds: row.promptIds,
      completionIds: row.completionIds,
      advantages: row.advantages ?? all(row.advantage),
      oldLogProbabilities: row.oldLogProbabilities ?? row.sampledLogProbabilities,
      referenceLogProbabilities: row.referenceLogProbabilities,
      lossWeights: all(weights[index]),
    };
  });
}

/** Rows that are trimmed or padded on the way lose turns without a sound. @throws TrainError `row-count`. */
export function assertCount(expected: number, found: number, what: string): void {
  if (expected === found) return;
  throw new TrainError(
    'row-count',
    `Expected ${expected} ${what}, found ${found}: turns were lost or made up on the way.`,
  );
}
