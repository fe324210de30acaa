/** A model for tests of the reader. */
import type { MemoryModel } from '../memory/turn.js';
import { CountingTokenizer, messageFormat } from '../policy/openai/counting-tokenizer.js';

/** A chat model that writes what `write` says to each prompt. */
export function scripted(
  write: (prompt: string, call: number) => string,
  contextLength = 4000,
): MemoryModel & { prompts: string[] } {
  const tokenizer = new CountingTokenizer();
  const prompts: string[] = [];
  return {
    tokenizer,
    chat: messageFormat,
    contextLength,
    prompts,
    sample: async (requests, { maxTokens }) =>
      requests.map(({ promptIds }) => {
        const prompt = tokenizer.decode(promptIds);
        prompts.push(prompt);
        const tokens = tokenizer.encode(write(prompt, prompts.length));
        const cut = tokens.length > maxTokens;
        return [{ tokens: tokens.slice(0, maxTokens), logProbabilities: [], stopReason: cut ? 'length' : 'stop' }];
      }),
  };
}
