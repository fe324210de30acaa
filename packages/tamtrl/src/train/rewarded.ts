/** What the rollouts of a question earn: from outcomes and scores to a reward and an advantage for each turn. */
import { combineRewards } from '../reward/combine.js';
import type { RolloutGroup } from '../reward/group.js';
import type { CheckedResult } from '../reward/result.js';
import type { RunConfig } from './config.js';
import { turnAdvantages } from './credit.js';
import { imitated, imitates } from './objective.js';
import { overlongPenalty } from './overlong.js';
import type { RewardedGroup } from './step-metrics.js';
import { withTokens } from './token-advantages.js';

export type EarningSettings = Pick<RunConfig, 'advantage' | 'memory' | 'objective' | 'overlong' | 'returns' | 'reward'>;

/** @param g number of the group among those that the method scored */
export function earned(
  group: RolloutGroup,
  result: CheckedResult,
  g: number,
  { advantage, memory, objective, overlong, returns, reward }: EarningSettings,
): Pick<RewardedGroup, 'scores' | 'rewards' | 'advantages' | 'tokenAdvantages'> {
  const { trajectories } = group;
  const scores = result.scores?.[g];
  const outcomes = result.outcomes?.[g] ?? group.outcomes;
  const penalties = trajectories.map(({ turns }) =>
    turns.map(({ kind, outputTokens }) => {
      const limit = kind === 'memory' ? memory.memoryTokens : memory.answerTokens;
      return overlongPenalty(outputTokens, limit, overlong);
    }),
  );
  const rewards = trajectories.map(({ turns }, i) =>
    combineRewards(outcomes[i], turns.length - 1, scores?.[i], reward).map((value, t) => value + penalties[i][t]),
  );
  if (imitates(objective)) {
    return { scores, rewards, advantages: imitated(objective, trajectories, group.outcomes) };
  }
  const ofTurns = turnAdvantages({ rewards, outcomes, scores }, { advantage, combine: reward, returns });
  return { scores, rewards, ...withTokens(trajectories, ofTurns, result.tokenAdvantages, g) };
}
