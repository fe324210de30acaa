/**
 * HiMPO (arXiv 2606.16285): the tokens of a memory are credited for what the memory adds, all other tokens for the
 * outcome. The utility of an update is what can be recovered of the answer from the new memory and could not be from
 * the old one, at the same point of the reading:
 *
 *     u_t = V(M_t+1) - V(M_t)
 *
 * A bounded filter attenuates it in hindsight, where the outcome does not confirm it. The result, compared with that
 * of the other rollouts at the same turn, is the advantage of the memory's tokens; thoughts, stop tokens and answers
 * keep the trajectory's advantage A(R).
 *
 * This follows the paper's abstract; its formulas were not at hand. Ours, and switchable: V(M) = exp(Phi(M)), the
 * probability of the gold answer per token (`value: log` takes Phi itself); the filter is 1 if gain and outcome agree
 * (a gain in a rollout that is better than the mean of its question, a loss in one that is worse, or anything in one
 * that is neither), otherwise `attenuation`. Ours too: z-scores turn by turn; of an output that leaves no memory, all
 * tokens are the memory's.
 */
import { z } from 'zod';
import { memoryTurns } from '../memory/trajectory.js';
import { carriedSpan } from '../memory/turn.js';
import { answerPotentials, meanOf, potentialMetrics } from './answer-potential.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext, MethodResult, RewardMethod } from './method.js';
import { relative } from './standardize.js';

const options = {
  himpo: z
    .strictObject({
      /** What can be recovered from a memory: the gold answer's probability (default) or log-probability, per token. */
      value: z.enum(['probability', 'log']).optional(),
      /** Factor of utilities that the outcome does not bear out, in [0, 1]; default 0.5. 1: no filter. */
      attenuation: z.number().min(0).max(1).optional(),
    })
    .optional(),
};

const ATTENUATION = 0.5;

export const himpo = {
  name: 'himpo',
  summary:
    'HiMPO: memory tokens get what the memory adds to the answer, filtered by the outcome; all others the outcome',
  documentation:
    "HiMPO (arXiv 2606.16285): u_t = V(M_t+1) - V(M_t), where V(M) is what can be recovered of the gold answer from the memory. \
Where the outcome does not confirm it, u_t is attenuated. Its z-score among the rollouts at the same turn is the advantage of the memory's tokens; all others keep A(R).",
  options,
  requires: { score: true },
  perToken: true,
  turnScores: creditMemories,
} satisfies RewardMethod<typeof options>;

async function creditMemories(
  groups: readonly RolloutGroup[],
  context: MethodContext<typeof options>,
): Promise<MethodResult> {
  const { value = 'probability', attenuation = ATTENUATION } = context.options.himpo ?? {};
  const { phi, tokens } = await answerPotentials(groups, context, 'himpo');
  const worth = value === 'log' ? (x: number) => x : Math.exp;
  const utilities = phi.map((rollouts) =>
    rollouts.map((values) => values.slice(1).map((next, turn) => worth(next) - worth(values[turn]))),
  );
  const filtered = utilities.map((rollouts, g) => inHindsight(rollouts, groups[g].outcomes, attenuation));
  const all = utilities.flat(2);
  const kept = filtered.flat(2);
  const advantages = filtered.map(turnByTurn);
  const spans = groups.map(({ trajectories }) =>
    trajectories.map((trajectory) => memoryTurns(trajectory).map((turn) => isOfMemory(turn, context.policy))),
  );
  return {
    tokenAdvantages: {
      added: spans.map((rollouts, g) =>
        rollouts.map((turns, i) =>
          turns.map((inside, turn) => inside.map((each) => (each ? advantages[g][i][turn] : 0))),
        ),
      ),
      share: spans.map((rollouts) =>
        rollouts.map((turns) => turns.map((inside) => inside.map((each) => Number(!each)))),
      ),
    },
    tokens,
    metrics: {
      ...potentialMetrics(phi),
      memory_utility: meanOf(all),
      attenuated: meanOf(all.map((utility, at) => Number(utility !== 0 && kept[at] !== utility))),
    },
  };
}

/** Utilities times the filter of hindsight. */
export function inHindsight(
  utilities: readonly (readonly number[])[],
  outcomes: readonly number[],
  attenuation: number,
): number[][] {
  // Rounding in the mean must not make equal outcomes better or worse than it.
  const better = relative(outcomes, false);
  return utilities.map((turns, i) =>
    turns.map((utility) => (utility * better[i] < 0 ? attenuation * utility : utility)),
  );
}

/** z-scores among the rollouts that have such a turn. */
function turnByTurn(utilities: readonly (readonly number[])[]): number[][] {
  const result = utilities.map((turns) => turns.map(() => 0));
  const longest = Math.max(0, ...utilities.map(({ length }) => length));
  for (let turn = 0; turn < longest; turn++) {
    const having = utilities.flatMap((turns, i) => (turn < turns.length ? [i] : []));
    const scores = relative(
      having.map((i) => utilities[i][turn]),
      true,
    );
    having.forEach((i, at) => {
      result[i][turn] = scores[at];
    });
  }
  return result;
}

/** For each token of the output whether the next memory holds it. An output that leaves nothing is all memory. */
function isOfMemory(turn: Parameters<typeof carriedSpan>[0], policy: Parameters<typeof carriedSpan>[1]): boolean[] {
  const { start, end } = carriedSpan(turn, policy);
  return turn.outputIds.map((_, token) => end <= start || (token >= start && token < end));
}
