/** Methods and ablations by name: each is a small patch of a run's configuration. */
import { rewardMethods } from '../reward/methods.js';
import type { RunConfigInput } from '../train/config.js';

export interface NamedMethod {
  readonly name: string;
  /** One line for lists. */
  readonly summary: string;
  readonly patch: Pick<RunConfigInput, 'method' | 'reward' | 'teacher'>;
}

const variants: readonly NamedMethod[] = [
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
export const namedMethods: readonly NamedMethod[] = [
  ...rewardMethods.map(({ name, summary }) => ({ name, summary, patch: { method: name } })),
  ...variants,
];

export function findMethod(name: string): NamedMethod | undefined {
  return namedMethods.find((method) => method.name === name);
}
