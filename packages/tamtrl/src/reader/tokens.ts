/** Tokens that a reading has cost. */
import { usageOfSample } from '../policy/openai/usage.js';
import type { Sample } from '../policy/types.js';

export interface ReadTokens {
  /** Tokens of all prompts: as the server counts them, otherwise as we do. */
  prompt: number;
  output: number;
  /** Prompt tokens that the server says it had in its cache; absent if none. */
  cached?: number;
}

/** Adds the tokens of a request. @param promptTokens by our count, for a model that does not count itself */
export function addTokens(tokens: ReadTokens, sample: Sample, promptTokens: number): void {
  const usage = usageOfSample(sample);
  tokens.prompt += usage?.prompt ?? promptTokens;
  // A server that counts no completion tokens at all does not count them.
  tokens.output += usage?.completion || sample.tokens.length;
  if (usage && usage.cached > 0) tokens.cached = (tokens.cached ?? 0) + usage.cached;
}

export function tokensSince(now: ReadTokens, before: ReadTokens): ReadTokens {
  const cached = (now.cached ?? 0) - (before.cached ?? 0);
  return {
    prompt: now.prompt - before.prompt,
    output: now.output - before.output,
    ...(cached > 0 && { cached }),
  };
}

export function sumOf(one: ReadTokens, other: ReadTokens = { prompt: 0, output: 0 }): ReadTokens {
  const cached = (one.cached ?? 0) + (other.cached ?? 0);
  return { prompt: one.prompt + other.prompt, output: one.output + other.output, ...(cached > 0 && { cached }) };
}
