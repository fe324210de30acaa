/** Chooses a token from a distribution. */
import type { Random } from '../random.js';

export interface ChoiceOptions {
  /** 0 takes the most probable token. */
  temperature: number;
  topP: number;
  topK: number;
}

/**
 * Draws a token from probabilities [V] (already at the sampling temperature, masked tokens at 0), after top-k and
 * top-p. Ties at a boundary go to the smaller id.
 */
export function chooseToken(probabilities: Float32Array, options: ChoiceOptions, random: Random): number {
  const { temperature, topP, topK } = options;
  if (temperature === 0) return mostProbable(probabilities);
  const threshold = random.uniform();
  const everything = topP >= 1 && (topK <= 0 || topK >= probabilities.length);
  const candidates = everything ? undefined : nucleus(probabilities, topP, topK);
  const count = candidates ? candidates.length : probabilities.length;
  let total = 0;
  for (let i = 0; i < count; i++) total += probabilities[candidates ? candidates[i] : i];
  let remaining = threshold * total;
  let chosen = -1;
  for (let i = 0; i < count; i++) {
    const token = candidates ? candidates[i] : i;
    if (probabilities[token] === 0) continue;
    chosen = token;
    remaining -= probabilities[token];
    if (remaining < 0) break;
  }
  return chosen;
}

function mostProbable(probabilities: Float32Array): number {
  let best = 0;
  for (let i = 1; i < probabilities.length; i++) if (probabilities[i] > probabilities[best]) best = i;
  return best;
}

/** The most probable tokens in order of decreasing probability: at most topK, and no more than topP requires. */
function nucleus(probabilities: Float32Array, topP: number, topK: number): number[] {
  // Tokens below (1 - topP) / V hold less than 1 - topP together, so none of them is needed to reach topP.
  const floor = Math.max(0, 1 - topP) / probabilities.length;
  const candidates: number[] = [];
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] >= floor && probabilities[i] > 0) candidates.push(i);
  }
  candidates.sort((a, b) => probabilities[b] - probabilities[a] || a - b);
  if (topK > 0) candidates.length = Math.min(candidates.length, topK);
  if (topP >= 1) return candidates;
  // After top-k, the share refers to the tokens that remain.
  let total = 0;
  if (topK > 0) for (const token of candidates) total += probabilities[token];
  else for (let i = 0; i < probabilities.length; i++) total += probabilities[i];
  let sum = 0;
  for (let kept = 0; kept < candidates.length; kept++) {
    sum += probabilities[candidates[kept]];
    if (sum >= topP * total) return candidates.slice(0, kept + 1);
  }
  return candidates;
}
