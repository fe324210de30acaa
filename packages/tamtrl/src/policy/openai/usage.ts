/** Token counts of servers: what a reply says about its prompt, its completion, and the server's cache. */
import { z } from 'zod';
import type { Sample } from '../types.js';

/** Counted by the server for one request. Zero prompt tokens: it did not say. */
export interface ServerUsage {
  /** All tokens of the prompt, those in the cache included. */
  prompt: number;
  completion: number;
  /** Tokens of the prompt that the server had in its cache; 0 if it does not say. */
  cached: number;
  /** Tokens of a prediction that the model wrote as predicted; absent if the server does not say. */
  accepted?: number;
}

/** A sample of a server that counts its tokens itself. */
export interface CountedSample extends Sample {
  usage?: ServerUsage;
}

/** The server's counts of a sample; undefined for policies on this machine, and for servers that do not count. */
export function usageOfSample(sample: Sample): ServerUsage | undefined {
  return (sample as CountedSample).usage;
}

/** Sums over requests. */
export interface Usage {
  requests: number;
  promptTokens: number;
  /** Prompt tokens that servers had in their caches, as far as they say. */
  cachedTokens: number;
  completionTokens: number;
}

/** A count that a server may leave out, or get wrong: then 0. */
export const tokenCount = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).catch(0);
const optionalCount = tokenCount.optional().catch(undefined);

/**
 * OpenAI, vLLM, SGLang and llama.cpp write `prompt_tokens_details.cached_tokens`, DeepSeek `prompt_cache_hit_tokens`.
 * https://platform.openai.com/docs/api-reference/chat/object, https://api-docs.deepseek.com/guides/kv_cache
 */
export const usageSchema = z
  .object({
    prompt_tokens: tokenCount,
    completion_tokens: tokenCount,
    prompt_tokens_details: z.object({ cached_tokens: optionalCount }).nullish().catch(undefined),
    prompt_cache_hit_tokens: optionalCount,
    completion_tokens_details: z.object({ accepted_prediction_tokens: optionalCount }).nullish().catch(undefined),
  })
  .nullish()
  .catch(undefined);

const milliseconds = z.number().min(0).optional().catch(undefined);

/** llama.cpp: prompt tokens that were in the slot's cache, and how long it read and wrote. */
export const timingsSchema = z
  .object({ cache_n: optionalCount, prompt_ms: milliseconds, predicted_ms: milliseconds })
  .nullish()
  .catch(undefined);

/** Milliseconds that a server spent on a prompt and on its completion. */
export interface ServerTimes {
  reading: number;
  writing: number;
}

export function serverTimes(timings: z.output<typeof timingsSchema>): ServerTimes | undefined {
  const { prompt_ms: reading, predicted_ms: writing } = timings ?? {};
  return reading === undefined || writing === undefined ? undefined : { reading, writing };
}

export function serverUsage(
  usage: z.output<typeof usageSchema>,
  timings?: z.output<typeof timingsSchema>,
): ServerUsage {
  const prompt = usage?.prompt_tokens ?? 0;
  const told = usage?.prompt_tokens_details?.cached_tokens ?? usage?.prompt_cache_hit_tokens ?? timings?.cache_n;
  const cached = told ?? 0;
  const accepted = usage?.completion_tokens_details?.accepted_prediction_tokens;
  return {
    prompt,
    completion: usage?.completion_tokens ?? 0,
    cached: Math.min(prompt, cached),
    ...(accepted === undefined ? {} : { accepted }),
  };
}
