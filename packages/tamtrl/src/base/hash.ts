/** Hashes for seeds and fingerprints. None of them is safe against deliberate collisions. */

export const FNV_START = 0x811c9dc5;

/** FNV-1a (Fowler, Noll, Vo) over UTF-16 code units, continuing from the hash so far. A signed 32-bit integer. */
export function fnv1a(text: string, from = FNV_START): number {
  let hash = from;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash | 0;
}

/** Multipliers of the two halves of a hash. Both are 5 modulo 8, so that their powers repeat as late as possible. */
const POLYNOMIAL = [0x2c9277b5, 0x5851f42d] as const;

/**
 * A hash of 64 bits in two halves, the values of the text as a polynomial modulo 2^32. Those of two texts give that of
 * both together: see `joinedHash`.
 */
export type TextHash = readonly [number, number];

export function textHash(text: string): TextHash {
  let [first, second] = [0, 0];
  for (let at = 0; at < text.length; at++) {
    // Plus one, so that zero characters count too.
    const code = text.charCodeAt(at) + 1;
    first = (Math.imul(first, POLYNOMIAL[0]) + code) | 0;
    second = (Math.imul(second, POLYNOMIAL[1]) + code) | 0;
  }
  return [first, second];
}

/** The hash of two texts that follow one another. @param length of the second */
export function joinedHash(before: TextHash, after: TextHash, length: number): TextHash {
  const half = (at: 0 | 1) => (Math.imul(before[at], power(POLYNOMIAL[at], length)) + after[at]) | 0;
  return [half(0), half(1)];
}

/** Modulo 2^32. */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let [square, left] = [base, exponent]; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = Math.imul(result, square);
    square = Math.imul(square, square);
  }
  return result;
}
