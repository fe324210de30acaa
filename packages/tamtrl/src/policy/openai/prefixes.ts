/**
 * Servers keep the beginnings of prompts that they have computed, and charge less for them. A beginning is in the cache
 * once the first request that has it has been answered, so the requests that share it wait for that one.
 */
import { fnv1a } from '../../base/hash.js';

/**
 * Fewest tokens of a beginning that OpenAI's cache keeps
 * (https://platform.openai.com/docs/guides/prompt-caching).
 */
export const LEAST_CACHED = 1024;

/** A name of the prompt's beginning; undefined for a prompt too short to be kept. */
export function beginningOf(promptIds: readonly number[], textOf: (ids: readonly number[]) => string) {
  if (promptIds.length < LEAST_CACHED) return undefined;
  return (fnv1a(textOf(promptIds.slice(0, LEAST_CACHED))) >>> 0).toString(16).padStart(8, '0');
}

/**
 * Runs a job for each item, in order of the results. Of items with the same beginning, the first is alone; the others
 * begin when it has ended.
 */
export async function firstAlone<Item, Result>(
  items: readonly Item[],
  beginning: (item: Item) => string | undefined,
  job: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const first = new Map<string, Promise<Result>>();
  return Promise.all(
    items.map((item) => {
      const name = beginning(item);
      const before = name === undefined ? undefined : first.get(name);
      if (before) return before.then(() => job(item));
      const result = job(item);
      if (name !== undefined) first.set(name, result);
      return result;
    }),
  );
}
