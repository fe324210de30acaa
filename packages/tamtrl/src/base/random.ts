/** Random numbers that depend only on their seed parts, so that example i is the same whatever else is drawn. */
import { FNV_START, fnv1a } from './hash.js';

export class SeededRandom {
  #state: number;

  /** Each combination of parts, for example (seed, index), gives a separate stream. Parts are whole numbers or text. */
  constructor(...parts: (number | string)[]) {
    // A mark follows each part, so that ("a", "bc") and ("ab", "c") differ.
    this.#state = parts.reduce<number>((hash, part) => fnv1a(`${part}\u0000`, hash), FNV_START) >>> 0;
  }

  /** Uniform in [0, 1): mulberry32, a 32-bit generator by Tommy Ettinger. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  }

  /** Uniform in 0 … below - 1. */
  integer(below: number): number {
    return Math.floor(this.next() * below);
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(items.length)];
  }

  /** A new array in random order (Fisher-Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const result = [...items];
    for (let at = result.length - 1; at > 0; at--) {
      const other = this.integer(at + 1);
      [result[at], result[other]] = [result[other], result[at]];
    }
    return result;
  }
}
