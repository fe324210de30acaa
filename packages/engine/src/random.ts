/**
 * Random numbers that are the same on every platform: the generator xoshiro128** (Blackman and Vigna, "Scrambled linear
 * pseudorandom number generators", arXiv 1805.01407), seeded through the finaliser of MurmurHash3.
 */
import { EngineError } from './errors.js';

/** Spreads 32 bits: every input bit reaches every output bit (finaliser of MurmurHash3, a bijection). */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/** 2^32 divided by the golden ratio: steps of it visit the 32-bit numbers evenly. */
const GOLDEN = 0x9e3779b9;

const doubleView = new DataView(new ArrayBuffer(8));

/**
 * One seed from several numbers, e.g. `hashSeed(seed, step, row)`: a whole number in [0, 2^53). The order and number of
 * the values matter. Fractions are allowed; 0 and -0 give the same seed.
 */
export function hashSeed(...values: number[]): number {
  let low = mix(GOLDEN ^ values.length);
  let high = mix(low ^ GOLDEN);
  for (const value of values) {
    doubleView.setFloat64(0, value + 0);
    for (const offset of [0, 4]) {
      low = mix(low ^ doubleView.getUint32(offset));
      high = mix((high + low + GOLDEN) | 0);
    }
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** A stream of random numbers. Equal seeds give equal streams, whatever the platform. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  #spare: number | undefined;

  /** @throws EngineError 'invalid-argument' if a number seed is not a safe integer. Bigint seeds count modulo 2^64. */
  constructor(seed: number | bigint) {
    if (typeof seed === 'number' && !Number.isSafeInteger(seed)) {
      throw new EngineError(
        'invalid-argument',
        `The seed must be a whole number between -(2^53 - 1) and 2^53 - 1, found ${seed}.`,
        { expected: 'safe integer', found: String(seed) },
      );
    }
    const bits = BigInt.asUintN(64, BigInt(seed));
    const low = Number(bits & 0xffffffffn);
    const high = Number(bits >> 32n);
    const word = (index: number) => mix(mix(low + Math.imul(index, GOLDEN)) ^ mix(high + Math.imul(index + 4, GOLDEN)));
    this.#a = word(1);
    this.#b = word(2);
    this.#c = word(3);
    // The one state that the generator can't leave is all zeros.
    this.#d = word(4) | (this.#a === 0 && this.#b === 0 && this.#c === 0 ? 1 : 0);
  }

  /** A whole number in [0, 2^32). */
  uint32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  uniform(): number {
    return ((this.uint32() >>> 5) * 2 ** 26 + (this.uint32() >>> 6)) * 2 ** -53;
  }

  /**
   * Standard normal, by Marsaglia's polar method (it needs no sine or cosine, whose last bit may differ by platform).
   */
  normal(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    for (;;) {
      const x = 2 * this.uniform() - 1;
      const y = 2 * this.uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spare = y * factor;
      return x * factor;
    }
  }
}
