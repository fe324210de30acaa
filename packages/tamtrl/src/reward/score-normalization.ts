/** Min-max normalisation of turn scores to [0, 1], over a choice of sets. */
import type { TurnScores } from './group.js';

/**
 * Which scores are compared with one another: those of a group's rollouts at the same turn; of a group; of one rollout; of the
 * whole batch.
 */
export type NormalizeScope = 'turn' | 'group' | 'trajectory' | 'batch';

/**
 * (x - min) / (max - min) within each set (arXiv 2603.21663; the choice of the set is ours). Where all are equal, or there is but
 * one, nothing can be told: 0.5.
 */
export function minMaxScores(scores: TurnScores, scope: NormalizeScope): TurnScores {
  const result = scores.map((group) => group.map((rollout) => rollout.map(() => 0)));
  for (const set of setsOf(scores, scope)) {
    const values = set.map(([group, rollout, turn]) => scores[group][rollout][turn]);
    const lowest = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    set.forEach(([group, rollout, turn], at) => {
      result[group][rollout][turn] = highest > lowest ? (values[at] - lowest) / (highest - lowest) : 0.5;
    });
  }
  return result;
}

type Place = [group: number, rollout: number, turn: number];

function setsOf(scores: TurnScores, scope: NormalizeScope): Place[][] {
  const sets = new Map<string, Place[]>();
  scores.forEach((group, g) => {
    group.forEach((rollout, i) => {
      rollout.forEach((_, t) => {
        const key = { turn: `${g} ${t}`, group: `${g}`, trajectory: `${g} ${i}`, batch: '' }[scope];
        const set = sets.get(key);
        if (set) set.push([g, i, t]);
        else sets.set(key, [[g, i, t]]);
      });
    });
  });
  return [...sets.values()];
}
