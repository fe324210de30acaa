/** From rollouts with advantages to the rows that are trained: one for each conversation. */

import { SeededRandom } from '../base/random.js';
import type { Budgets } from '../memory/frames.js';
import type { Trajectory, Turn } from '../memory/trajectory.js';
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
  kind: Turn['kind'];
  /** It ended at its limit. */
  cut: boolean;
  rollout: Trajectory;
  /** Weights of its tokens by truncated importance sampling. */
  importance?: readonly number[];
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
        kind: turn.kind,
        cut: turn.stopReason === 'length',
        rollout: trajectories[rollout],
      };
    });
  });
}

/**
 * Deals the rows into `count` mini-batches of nearly equal size, in random order if there is more than one. For a mean
 * over rollouts those of a rollout stay together: apart, it would count once in every mini-batch that has some of it.
 */
export function miniBatches<Each extends Pick<Row, 'rollout'>>(
  rows: readonly Each[],
  { miniBatches: count, aggregation }: { miniBatches: number; aggregation: Aggregation },
  ...seed: (number | string)[]
): Each[][] {
  if (count === 1) return rows.length === 0 ? [] : [[...rows]];
  const dealt = aggregation === 'trajectory-mean' ? ofRollouts(rows) : rows.map((row) => [row]);
  const shuffled = new SeededRandom('mini-batches', ...seed).shuffled(dealt);
  const place = (batch: number) => Math.floor((batch * dealt.length) / count);
  return Array.from({ length: count }, (_, batch) => shuffled.slice(place(batch), place(batch + 1)).flat()).filter(
    (batch) => batch.length > 0,
  );
}

function ofRollouts<Each extends Pick<Row, 'rollout'>>(rows: readonly Each[]): Each[][] {
  const found = new Map<Trajectory, Each[]>();
  for (const row of rows) found.set(row.rollout, [...(found.get(row.rollout) ?? []), row]);
  return [...found.values()];
}

export interface RowWeights {
  aggregation: Aggregation;
  turnCredit: TurnCredit;
  turnWeights?: { memory: number; answer: number };
  /** Limits in tokens of what is written. */
  memory: Pick<Budgets, 'memoryTokens' | 'answerTokens'>;
}

/** What the engine trains on, with the loss weights of this mini-batch. */
export function trainingRows(rows: readonly Row[], options: RowWeights): TrainingRow[] {
  const { aggregation, turnCredit, turnWeights, memory } = options;
  const weights = lossWeights(
    rows.map(({ completionIds, turns, kind, rollout }) => ({
      tokens: completionIds.length,
      turns,
      weight: turnWeights?.[kind],
      rollout,
      limit: kind === 'memory' ? memory.memoryTokens : memory.answerTokens,
    })),
    aggregation,
    turnCredit,
  );
  return rows.map((row, index) => {
    const all = (value: number) => new Array<number>(row.completionIds.length).fill(value);
    return {
      promptIds: row.promptIds,
      completionIds: row.completionIds,
      advantages: weightedAdvantages(row),
      oldLogProbabilities: row.oldLogProbabilities ?? row.sampledLogProbabilities,
      referenceLogProbabilities: row.referenceLogProbabilities,
      lossWeights: all(weights[index]),
    };
  });
}

/**
 * The advantage of each token, times its weight of importance sampling: the loss is linear in positive factors of the
 * advantage, so this weighs it.
 */
export function weightedAdvantages({ completionIds, advantage, advantages, importance }: Row): readonly number[] {
  const own = advantages ?? new Array<number>(completionIds.length).fill(advantage);
  return importance ? own.map((value, token) => value * importance[token]) : own;
}

/** Rows that are trimmed or padded on the way lose turns without a sound. @throws TrainError `row-count`. */
export function assertCount(expected: number, found: number, what: string): void {
  if (expected === found) return;
  throw new TrainError(
    'row-count',
    `Expected ${expected} ${what}, found ${found}: turns were lost or made up on the way.`,
  );
}
