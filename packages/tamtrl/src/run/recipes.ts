/**
 * What `--method` can name: recipes. A recipe is a small patch of a run's configuration that chooses a reward method and,
 * for variants and ablations, some of its settings. The reward methods themselves are in reward/methods.ts.
 */
import { rewardMethods } from '../reward/methods.js';
import type { RunConfigInput } from '../train/config.js';

export interface Recipe {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  readonly patch: Pick<RunConfigInput, 'method' | 'reward' | 'teacher'>;
}

const variants: readonly Recipe[] = [
  {
    name: 'tamtrl-no-length-norm',
    summary: "ablation: the teacher's log-probability is not divided by the memory's length",
    patch: { method: 'tamtrl', reward: { lengthNormalize: false } },
  },
  {
    name: 'tamtrl-no-minmax',
    summary: 'ablation: scores are not brought to [0, 1]',
    patch: { method: 'tamtrl', reward: { minmax: false } },
  },
  {
    name: 'tamtrl-product',
    summary: 'reward R x score',
    patch: { method: 'tamtrl', reward: { combine: 'product' } },
  },
  {
    name: 'tamtrl-gated',
    summary: 'reward R x (1 + alpha x score)',
    patch: { method: 'tamtrl', reward: { combine: 'gated' } },
  },
  {
    name: 'tamtrl-additive',
    summary: 'reward R + alpha x score',
    patch: { method: 'tamtrl', reward: { combine: 'additive' } },
  },
  {
    name: 'tamtrl-ema-teacher',
    summary: 'the teacher is a moving average of the weights',
    patch: { method: 'tamtrl', teacher: 'ema' },
  },
  {
    name: 'tamtrl-frozen-teacher',
    summary: 'the teacher keeps the initial weights',
    patch: { method: 'tamtrl', teacher: 'frozen' },
  },
  {
    name: 'process-reward',
    summary: 'the same as prm',
    patch: { method: 'prm' },
  },
];

/** Every reward method under its own name, then the variants. */
export const recipes: readonly Recipe[] = [
  ...rewardMethods.map(({ name, summary }) => ({ name, summary, patch: { method: name } })),
  ...variants,
];

export function findRecipe(name: string): Recipe | undefined {
  return recipes.find((recipe) => recipe.name === name);
}
