/** Chooses the prompts for a model, and budgets that fit its window. */
import type { Tokenizer } from '../text/tokenizer.js';
import { MemoryError } from './errors.js';
import type { Budgets, PromptFrames } from './frames.js';
import {
  babiPrompts,
  chatChunkFirstPrompts,
  chatGatedPrompts,
  chatPrompts,
  miniPrompts,
  type PromptFormat,
} from './prompts.js';

/**
 * The embedded models get their own short prompts, every other model a chat.
 * @param chunkFirst begin a chat with the chunk, which all questions about a document share
 */
export function promptsFor(tokenizer: Tokenizer, chunkFirst = false): PromptFormat {
  const knows = (mark: string) => tokenizer.idOf(mark) !== undefined;
  if (!['<question>', '<memory>', '<section>', '<update>'].every(knows))
    return chunkFirst ? chatChunkFirstPrompts : chatPrompts;
  return babiPrompts.unchanged !== undefined && knows(babiPrompts.unchanged) ? babiPrompts : miniPrompts;
}

/**
 * Prompts that let the model reply SAME where a chunk has nothing new, and end the reading once it knows enough.
 * @throws MemoryError `prompt-format` for the embedded models, which were trained with their own.
 */
export function gatedPromptsFor(tokenizer: Tokenizer): PromptFormat {
  const usual = promptsFor(tokenizer);
  if (usual === chatPrompts) return chatGatedPrompts;
  throw new MemoryError(
    'prompt-format',
    `Gates are for chat models: the model reads with the prompts "${usual.name}", as it was trained. Leave out --gate.`,
  );
}

/** The budgets that the embedded models were trained with. */
export const MINI_BUDGETS: Budgets = { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6 };

export const BABI_BUDGETS: Budgets = { questionTokens: 16, chunkTokens: 64, memoryTokens: 40, answerTokens: 8 };

const LARGEST_CHUNK = 4096;

/**
 * Budgets for reading. Given budgets are kept. By default, memory and answer take at most an eighth of the window each,
 * and the chunk takes the rest, up to 4,096 tokens.
 * @throws MemoryError `window` if no room is left for a chunk.
 */
export function fittingBudgets(frames: PromptFrames, contextLength: number, given: Partial<Budgets> = {}): Budgets {
  if (frames.format === miniPrompts) return { ...MINI_BUDGETS, ...given };
  if (frames.format === babiPrompts) return { ...BABI_BUDGETS, ...given };
  const eighth = Math.max(1, Math.floor(contextLength / 8));
  const {
    questionTokens = Math.min(256, eighth),
    memoryTokens = Math.min(512, eighth),
    answerTokens = Math.min(512, eighth),
  } = given;
  const budgets: Budgets = { questionTokens, chunkTokens: 1, memoryTokens, answerTokens };
  const room = contextLength - frames.windowTokens(budgets).update + 1;
  if (given.chunkTokens === undefined && room < 1) {
    throw new MemoryError(
      'window',
      `The model's window of ${contextLength} tokens has no room for a chunk: fixed text ${frames.frameTokens.update}, question ${questionTokens}, memory twice ${memoryTokens}. Lower the budgets, or use a model with a larger window.`,
    );
  }
  return { ...budgets, chunkTokens: given.chunkTokens ?? Math.min(LARGEST_CHUNK, room) };
}
