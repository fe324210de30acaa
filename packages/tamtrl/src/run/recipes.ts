/**
 * What `--method` can name: recipes. A recipe is a small patch of a run's configuration that chooses a reward method
 * and, for variants and ablations, some of its settings. The reward methods themselves are in reward/methods.ts.
 */
import { rewardMethods } from '../reward/methods.js';
import type { RunConfigInput } from '../train/config.js';

export interface Recipe {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  readonly patch: Pick<RunConfigInput, 'method' | 'objective' | 'reward' | 'teacher' | 'advantage' | 'returns'>;
}

/** For comparisons, where every training names its method. */
export const OWN_REWARD = 'own';

/** Ablations of the paper (arXiv 2603.21663), by its names for them. */
const ablations: readonly Recipe[] = [
  {
    name: 'tamtrl-no-length-norm',
    summary: "the paper's ablation: the sum over a memory's tokens is not divided by their number",
    patch: { method: 'tamtrl', reward: { lengthNormalize: false } },
  },
  {
    name: 'tamtrl-no-minmax',
    summary: "the paper's ablation: scores are not scaled to [0, 1]",
    patch: { method: 'tamtrl', reward: { minmax: false } },
  },
  {
    name: 'tamtrl-plus-reward',
    summary: "the paper's ablation: reward score + R instead of score x R",
    patch: { method: 'tamtrl', reward: { combine: 'additive' } },
  },
  {
    name: 'tamtrl-global-reward',
    summary: "the paper's ablation: the teacher reads what is relevant in the whole document, not in the turn's chunk",
    patch: { method: 'tamtrl', reward: { teacherReads: 'document' } },
  },
];

/** Turn by turn: a score is compared with those of the other rollouts at the same turn only, and so is a reward. */
const PER_TURN = { reward: { scope: 'turn' }, advantage: 'mean' } as const;

/** The settings of a method that differ from the defaults. */
const OWN_SETTINGS: Readonly<Record<string, Recipe['patch']>> = {
  information: PER_TURN,
  igpo: { advantage: 'question-mean-std', reward: { combine: 'score' }, returns: { of: 'advantages' } },
  rememr1: { advantage: 'mean-std', reward: { combine: 'advantages', alpha: 0.2 } },
  grumem: { advantage: 'mean-std', reward: { combine: 'advantages', alpha: 0.1 } },
};

const variants: readonly Recipe[] = [
  {
    name: 'tamtrl-per-turn',
    summary: 'log-likelihood as score; min-max and advantages turn by turn, without standard deviation',
    patch: { method: 'tamtrl', advantage: 'mean', reward: { scope: 'turn', scale: 'logprob' } },
  },
  {
    name: 'tamtrl-per-turn-no-minmax',
    summary: 'the same, with R x log-likelihood as it is: success is punished, and training collapses',
    patch: { method: 'tamtrl', advantage: 'mean', reward: { scope: 'turn', scale: 'logprob', minmax: false } },
  },
  {
    name: 'tamtrl-gated',
    summary: 'reward R x (1 + alpha x score)',
    patch: { method: 'tamtrl', reward: { combine: 'gated' } },
  },
  {
    name: 'tamtrl-contrast',
    summary: "the student's own likelihood of each memory is subtracted from the teacher's",
    patch: { method: 'tamtrl', reward: { contrast: true } },
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
    name: 'memagent-mean',
    summary: "outcome only with MemAgent's own advantages: not divided by the standard deviation",
    patch: { method: 'memagent', advantage: 'mean' },
  },
  {
    name: 'igpo-separate',
    summary: 'IGPO with gains and outcomes z-scored apart, not together',
    patch: { ...OWN_SETTINGS.igpo, method: 'igpo', advantage: 'kind-mean-std' },
  },
  {
    name: 'igpo-log',
    summary: "IGPO's second version: gains in log-probability, z-scored apart from the outcomes",
    patch: {
      ...OWN_SETTINGS.igpo,
      method: 'igpo',
      advantage: 'kind-mean-std',
      reward: { ...OWN_SETTINGS.igpo.reward, igpo: { value: 'log' } },
    },
  },
  {
    name: 'rememr1-mean',
    summary: "ReMemR1 as in its authors' scripts: not divided by the standard deviation, mean of several gold answers",
    patch: {
      method: 'rememr1',
      advantage: 'mean',
      reward: { ...OWN_SETTINGS.rememr1.reward, rememr1: { several: 'mean' } },
    },
  },
  {
    name: 'sdpo',
    summary: "SDPO's mixture: half of each token's advantage is the outcome's, half the teacher's (opsdl)",
    patch: { method: 'opsdl', reward: { opsdl: { outcomeWeight: 0.5 } } },
  },
  {
    name: 'star',
    summary: 'STaR: imitates its own rollouts that end in a right answer',
    patch: { method: 'memagent', objective: 'star' },
  },
  {
    name: 'vanilla-kd',
    summary: 'knowledge distillation: imitates what its initial weights write from what is relevant',
    patch: { method: 'memagent', objective: 'distillation', teacher: 'frozen' },
  },
  {
    name: 'tamtrl-product',
    summary: 'the same as tamtrl',
    patch: { method: 'tamtrl', reward: { combine: 'product' } },
  },
  {
    name: 'tamtrl-additive',
    summary: 'the same as tamtrl-plus-reward',
    patch: { method: 'tamtrl', reward: { combine: 'additive' } },
  },
  {
    name: OWN_REWARD,
    summary: 'your own reward, from the file that --reward or reward.module names; outcome only if it scores no turns',
    patch: { method: 'memagent' },
  },
  {
    name: 'process-reward',
    summary: 'the same as prm',
    patch: { method: 'prm' },
  },
];

/** Every reward method under its own name, then ablations and variants. */
export const recipes: readonly Recipe[] = [
  ...rewardMethods.map(({ name, summary }) => ({ name, summary, patch: { ...OWN_SETTINGS[name], method: name } })),
  ...ablations,
  ...variants,
];

export function findRecipe(name: string): Recipe | undefined {
  return recipes.find((recipe) => recipe.name === name);
}
