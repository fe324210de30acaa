/** How a model reads in an evaluation. */
import { given } from '../base/objects.js';
import { MINI_BUDGETS } from '../memory/asking.js';
import type { Budgets } from '../memory/frames.js';
import { miniPrompts } from '../memory/prompts.js';
import { type ReadingSettings, usualReading } from '../memory/reading-settings.js';
import type { Tokenizer } from '../text/tokenizer.js';

/** Token limits where neither the user nor the model's training says any. */
const BUDGETS: Budgets = { questionTokens: 256, chunkTokens: 1024, memoryTokens: 256, answerTokens: 128 };

/** As asked for, else as the model was trained to, else as usual. */
export function evaluationReading(
  tokenizer: Tokenizer,
  trained: ReadingSettings | undefined,
  asked: Partial<ReadingSettings>,
): ReadingSettings {
  const reading = { ...usualReading(tokenizer), ...trained, ...given(asked) };
  return { ...(reading.prompts === miniPrompts.name ? MINI_BUDGETS : BUDGETS), ...reading };
}
