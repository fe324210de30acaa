/** MemAgent's training signal (arXiv 2507.02259): every turn of a rollout gets its outcome, r_t = R. */
import type { RewardMethod } from './method.js';

export const memagent = {
  name: 'memagent',
  summary: 'outcome only: every turn gets the reward of the answer',
  documentation:
    "MemAgent's signal (arXiv 2507.02259): r_t = R for every turn. Memories have no score, so nothing is combined.",
  requires: {},
  turnScores: async () => ({}),
} satisfies RewardMethod;
