/** Min-max normalisation of turn scores to [0, 1], over a choice of sets. */
import { z } from 'zod';
import type { TurnScores } from './group.js';

/** Options of the methods that normalise their scores. */
export const normalizationOptions = {
  /** Bring the scores to [0, 1]. */
  minmax: z.boolean().default(true),
  /**
   * Which scores are compared with one another: those of the whole batch; of a group; of a group's rollouts at the same
   * turn; of one rollout.
   */
  scope: z.enum(['batch', 'group', 'turn', 'trajectory']).default('batch'),
  /** Scores that differ by no more than this are equal: servers compute the same number a little differently. */
  minmaxTolerance: z.number().min(0).optional(),
};

/** Above the rounding of float32 sums, below any difference that says something. */
const TOLERANCE = 1e-6;

type NormalizationOptions = z.output<z.ZodObject<typeof normalizationOptions>>;
export type NormalizeScope = NormalizationOptions['scope'];

/** The scores, normalised according to the options. */
export function normalizeScores(scores: TurnScores, options: NormalizationOptions): TurnScores {
  const { minmax, scope, minmaxTolerance } = options;
  return minmax ? minMaxScores(scores, scope, minmaxTolerance) : scores;
}

/**
 * (x - min) / (max - min) within each set (arXiv 2603.21663, Eq. 5). A set whose scores are all equal, or that has only
 * one, says nothing: 0.5.
 */
export function minMaxScores(scores: TurnScores, scope: NormalizeScope, tolerance = TOLERANCE): TurnScores {
  const result = scores.map((group) => group.map((rollout) => rollout.map(() => 0)));
  for (const set of setsOf(scores, scope)) {
    const values = set.map(([group, rollout, turn]) => scores[group][rollout][turn]);
    const lowest = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
    const highest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    set.forEach(([group, rollout, turn], at) => {
      result[group][rollout][turn] = highest - lowest > tolerance ? (values[at] - lowest) / (highest - lowest) : 0.5;
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
