/**
 * A reward of your own, in one file. Copy it, change it, and train with it:
 *
 *     npx tamtrl train --preset mini --reward ./my-reward.ts
 *
 * Both functions return a finite number, or a promise of one. Leave out what you do not need: without `outcome` the
 * metric of the configuration (`reward.outcome.metric`) counts, without `turnScore` the method (`--method`).
 */
import type { OwnReward, OwnRollout, OwnTurn } from 'tamtrl';

const wordsOf = (text: string) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

/** Share of the words of one text that another one has; 1 of a text without words. */
function shareHeld(wanted: string, held: string): number {
  const words = wordsOf(wanted);
  const known = new Set(wordsOf(held));
  return words.length === 0 ? 1 : words.filter((word) => known.has(word)).length / words.length;
}

export default {
  name: 'words-kept',
  summary: 'share of the relevant words of a chunk that the new memory holds',

  /** Nine tenths for a right answer, a tenth for a last memory that holds it. */
  outcome({ score, answers, memories }: OwnRollout): number {
    const last = memories.at(-1) ?? '';
    return 0.9 * score + 0.1 * Math.max(...answers.map((answer) => shareHeld(answer, last)));
  },

  /** What was relevant in the chunk should be in the memory afterwards. */
  turnScore({ relevant = '', after }: OwnTurn): number {
    return shareHeld(relevant, after);
  },
} satisfies OwnReward;
