/** Derives a seed from a description of its use, so that a draw depends only on its place and not on earlier draws. */
import { FNV_START, fnv1a } from './hash.js';

/**
 * A whole number in [0, 2^53) from whole numbers and texts, e.g. `streamSeed(seed, step, questionId, sample)`. The
 * order and number of the parts matter. Two FNV-1a hashes with different starts, 53 bits of them.
 */
export function streamSeed(...parts: (number | string)[]): number {
  const text = parts.map((part) => `${typeof part}:${part}`).join('\u0000');
  return (mixed(text, FNV_START) >>> 11) * 2 ** 32 + (mixed(text, 0x9747b28c) >>> 0);
}

function mixed(text: string, start: number): number {
  let hash = fnv1a(text, start);
  // Murmur3's finaliser: FNV alone leaves the upper bits of short texts alike.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
