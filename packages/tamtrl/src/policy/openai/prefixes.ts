/**
 * Servers keep the beginnings of prompts that they have computed, and charge less for them. A beginning is in the cache
 * once the first request that has it has been answered, so the requests that share it wait for that one.
 */
import { fnv1a } from '../../base/hash.js';
import type { ServerTimes, ServerUsage } from './usage.js';

/**
 * Fewest tokens of a beginning that OpenAI's cache keeps
 * (https://platform.openai.com/docs/guides/prompt-caching).
 */
export const LEAST_CACHED = 1024;

/** A name of the prompt's beginning; undefined for a prompt too short to be kept. */
export function beginningOf(
  promptIds: readonly number[],
  textOf: (ids: readonly number[]) => string,
  least = LEAST_CACHED,
) {
  if (promptIds.length < least) return undefined;
  return (fnv1a(textOf(promptIds.slice(0, least))) >>> 0).toString(16).padStart(8, '0');
}

/**
 * Runs a job for each item, in order of the results. Of items with the same beginning, the first is alone; the others
 * begin when it has ended, together or each when the one before it has.
 */
export async function firstAlone<Item, Result>(
  items: readonly Item[],
  beginning: (item: Item) => string | undefined,
  job: (item: Item) => Promise<Result>,
  others: 'together' | 'in turn' = 'together',
): Promise<Result[]> {
  const awaited = new Map<string, Promise<Result>>();
  return Promise.all(
    items.map((item) => {
      const name = beginning(item);
      const before = name === undefined ? undefined : awaited.get(name);
      const result = before ? before.then(() => job(item)) : job(item);
      if (name !== undefined && (!before || others === 'in turn')) awaited.set(name, result);
      return result;
    }),
  );
}

/** Shorter beginnings are not worth waiting for. llama.cpp keeps any. */
const LEAST_IN_SLOT = 256;

/**
 * llama.cpp keeps the last prompt of each slot, and a beginning helps only the request that gets that slot. Requests
 * that share one therefore go in turn, unless writing takes longer than reading: then the slots write side by side.
 */
export class SlotCache {
  /** Until the first reply tells more. */
  #isReadingLonger = true;

  /** @returns how requests with the same beginning of so many tokens are sent; undefined: all at once. */
  get order(): { least: number; others?: 'in turn' } | undefined {
    return this.#isReadingLonger ? { least: LEAST_IN_SLOT, others: 'in turn' } : undefined;
  }

  /** Learns from a reply to a long prompt that was not in the cache. */
  saw({ prompt, cached }: Pick<ServerUsage, 'prompt' | 'cached'>, times: ServerTimes | undefined): void {
    if (times && prompt >= LEAST_IN_SLOT && 2 * cached < prompt) this.#isReadingLonger = times.reading >= times.writing;
  }
}
