/** MemAgent's training signal (arXiv 2507.02259): every turn of a rollout gets its outcome. */
import type { RewardMethod } from './method.js';

export const outcomeOnly: RewardMethod = {
  name: 'memagent',
  summary: 'outcome only: every turn gets the reward of the answer',
  requires: {},
  turnScores: async () => ({ rows: 0, tokens: 0, metrics: {} }),
};
