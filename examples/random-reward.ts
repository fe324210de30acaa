/**
 * A control for comparisons: a coin decides whether a rollout was right. What a model gains from it, it gains from
 * being updated at all, and no method should get the credit.
 *
 *     npx tamtrl train --preset mini --reward ./random-reward.ts
 */
import { createHash } from 'node:crypto';
import type { OwnReward, OwnRollout } from 'tamtrl';

export default {
  name: 'coin',
  summary: 'a coin, the same for the same rollout of a question in every run',
  outcome: ({ id, sample }: OwnRollout): number => createHash('sha256').update(`${id} ${sample}`).digest()[0] % 2,
} satisfies OwnReward;
