/**
 * Keys and values of what prompts begin with, for all sequences of a call that share it: kept once, and read once in
 * each step for all of them.
 */
import type { ModelConfig } from '../models/config.js';
import { int64, type Tensor } from '../runtime/onnx.js';
import { Cache } from './cache.js';
import type { Sequence } from './sequences.js';

/** Shorter beginnings are kept with each sequence: attention in two parts has its costs. */
const LEAST_TOKENS = 64;

/** Number of tokens of the prefix that a sequence continues; 0 for none. It depends on its request alone. */
export function prefixLength({ slidingWindow }: ModelConfig, { promptIds, sharedTokens }: Sequence): number {
  // A token is drawn after the last one of the prompt, so every text reads that one itself.
  const shared = Math.min(sharedTokens, promptIds.length - 1);
  return shared >= LEAST_TOKENS && !slidingWindow ? shared : 0;
}

/** What a prefix is kept under. */
export function prefixKey(promptIds: readonly number[], length: number): string {
  return promptIds.slice(0, length).join();
}

/** Which prefix each of B sequences continues. */
export interface ContinuedPrefixes {
  /** Their tokens, 0 for none. [B] */
  lengths: readonly number[];
  /** The inputs of a graph (see `declarePrefixes`). */
  feeds(): Record<string, Tensor>;
}

interface Held {
  slot: number;
  /** Sequences that continue it. */
  users: number;
}

export class PrefixSlots {
  readonly #cache: Cache;
  readonly #held = new Map<string, Held>();
  readonly #free: number[] = [];
  readonly #fewest: number;
  #used = 0;

  /**
   * @param slots prefixes that may be held at a time
   * @param tokens of the longest
   * @param threads A product of fewer matrices than threads would be divided otherwise, and rounded otherwise.
   */
  private constructor(config: ModelConfig, slots: number, tokens: number, threads: number) {
    this.#fewest = Math.ceil(threads / config.keyValueHeads);
    this.#cache = new Cache(config, Math.max(slots + 1, this.#fewest), tokens);
  }

  /** For sequences of which `capacity` are live at a time; undefined if none of them has a prefix. */
  static for(
    sequences: readonly Sequence[],
    config: ModelConfig,
    capacity: number,
    threads: number,
  ): PrefixSlots | undefined {
    const lengths = new Map<string, number>();
    for (const sequence of sequences) {
      const length = prefixLength(config, sequence);
      if (length > 0) lengths.set(prefixKey(sequence.promptIds, length), length);
    }
    if (lengths.size === 0) return undefined;
    const longest = [...lengths.values()].reduce((a, b) => Math.max(a, b));
    return new PrefixSlots(config, Math.min(lengths.size, capacity), longest, threads);
  }

  has(key: string): boolean {
    return this.#held.has(key);
  }

  /** Keeps the first `length` tokens of row `row` of `outputs` (see `Cache.append`). */
  keep(key: string, outputs: Record<string, Tensor>, row: number, length: number): void {
    const slot = this.#free.pop() ?? this.#used++;
    this.#held.set(key, { slot, users: 0 });
    this.#cache.truncate(slot, 0);
    this.#cache.append(slot, outputs, row, length);
  }

  enter(key: string, sequences: number): void {
    (this.#held.get(key) as Held).users += sequences;
  }

  leave(key: string): void {
    const held = this.#held.get(key) as Held;
    held.users--;
    if (held.users > 0) return;
    this.#held.delete(key);
    this.#free.push(held.slot);
  }

  /** @param keys of the prefix of each sequence; undefined for none */
  continued(keys: readonly (string | undefined)[]): ContinuedPrefixes {
    const slots = keys.map((key) => (key === undefined ? -1 : (this.#held.get(key) as Held).slot));
    const lengths = slots.map((slot) => (slot < 0 ? 0 : this.#cache.lengths[slot]));
    return { lengths, feeds: () => this.#feeds(slots) };
  }

  #feeds(slots: readonly number[]): Record<string, Tensor> {
    const members = Array.from({ length: Math.max(this.#fewest, this.#used + 1) }, (): number[] => []);
    // Sequences without a prefix continue the empty one behind all others.
    for (const [row, slot] of slots.entries()) members[slot < 0 ? this.#used : slot].push(row);
    if (members.length > this.#fewest && members[this.#used].length === 0) members.pop();
    // A product of a single row would use another kernel with different rounding.
    const width = members.reduce((most, rows) => Math.max(most, rows.length), 2);
    const places = new Int32Array(slots.length);
    for (const [slot, rows] of members.entries()) {
      for (const [index, row] of rows.entries()) places[row] = slot * width + index;
    }
    const rows = members.flatMap((list) => Array.from({ length: width }, (_, index) => list[index] ?? 0));
    const { capacity } = this.#cache;
    const feeds: Record<string, Tensor> = {
      'prefix rows': int64(rows, [members.length, width]),
      'prefix places': int64(places, [slots.length]),
      'prefix lengths': int64(
        members.map((_, slot) => (slot < this.#used ? this.#cache.lengths[slot] : 0)),
        [members.length],
      ),
      'prefix order': int64(
        Array.from({ length: capacity }, (_, place) => place),
        [capacity],
      ),
    };
    for (const [name, tensor] of Object.entries(this.#cache.feeds(0, members.length))) {
      feeds[name.replace('past', 'prefix')] = tensor;
    }
    return feeds;
  }
}
