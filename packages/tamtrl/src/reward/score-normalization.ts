/** Turn scores brought to one scale, over a choice of sets: by min-max, by rank, or as z-scores. */
import { z } from 'zod';
import type { TurnScores } from './group.js';
import { relative } from './standardize.js';

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
  /** Added to max - min in the denominator, so that small spreads stay small; absent: 0. */
  minmaxEpsilon: z.number().min(0).optional(),
  /**
   * How they are brought to one scale, with `minmax`; absent: `minmax`. `rank`: (rank - 1) / (n - 1), ties in the
   * middle, which outliers cannot squeeze. `z-score`: (x - mean) / standard deviation, which is not in [0, 1].
   */
  scaling: z.enum(['minmax', 'rank', 'z-score']).optional(),
};

/** Above the rounding of float32 sums, below any difference that says something. */
const TOLERANCE = 1e-6;

type NormalizationOptions = z.output<z.ZodObject<typeof normalizationOptions>>;
export type NormalizeScope = NormalizationOptions['scope'];

/** The scores, normalised according to the options. */
export function normalizeScores(scores: TurnScores, options: NormalizationOptions): TurnScores {
  const { minmax, scope, minmaxTolerance, minmaxEpsilon, scaling = 'minmax' } = options;
  if (!minmax) return scores;
  if (scaling === 'rank') return scaled(scores, scope, (values) => ranks(values, minmaxTolerance));
  if (scaling === 'z-score') return scaled(scores, scope, (values) => zScores(values, minmaxTolerance));
  return minMaxScores(scores, scope, minmaxTolerance, minmaxEpsilon);
}

/**
 * (x - min) / (max - min) within each set (arXiv 2603.21663, Eq. 5). A set whose scores are all equal, or that has only
 * one, says nothing: 0.5.
 */
export function minMaxScores(
  scores: TurnScores,
  scope: NormalizeScope,
  tolerance = TOLERANCE,
  epsilon = 0,
): TurnScores {
  return scaled(scores, scope, (values) => {
    const [lowest, highest] = rangeOf(values);
    const spread = highest - lowest;
    return values.map((value) => (spread > tolerance ? (value - lowest) / (spread + epsilon) : 0.5));
  });
}

/** (x - mean) / standard deviation; 0 if all are equal. */
function zScores(values: readonly number[], tolerance = TOLERANCE): readonly number[] {
  const [lowest, highest] = rangeOf(values);
  return highest - lowest > tolerance ? relative(values, true) : values.map(() => 0);
}

function rangeOf(values: readonly number[]): [lowest: number, highest: number] {
  return [
    values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ];
}

/** (rank - 1) / (n - 1), the rank of equal values being the mean of theirs; 0.5 of one value. */
function ranks(values: readonly number[], tolerance = TOLERANCE): number[] {
  if (values.length === 1) return [0.5];
  return values.map((value) => {
    const below = values.filter((other) => other < value - tolerance).length;
    const equal = values.filter((other) => Math.abs(other - value) <= tolerance).length;
    return (below + (equal - 1) / 2) / (values.length - 1);
  });
}

/** Each set of scores by itself. */
function scaled(
  scores: TurnScores,
  scope: NormalizeScope,
  scale: (values: readonly number[]) => readonly number[],
): TurnScores {
  const result = scores.map((group) => group.map((rollout) => rollout.map(() => 0)));
  for (const set of setsOf(scores, scope)) {
    const values = scale(set.map(([group, rollout, turn]) => scores[group][rollout][turn]));
    set.forEach(([group, rollout, turn], at) => {
      result[group][rollout][turn] = values[at];
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
