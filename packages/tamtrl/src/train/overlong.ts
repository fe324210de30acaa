/** DAPO's soft penalty for outputs close to their length limit (arXiv 2503.14476, equation 13). */

export interface OverlongOptions {
  /** Last part of the budget in which the penalty grows; 0 switches it off. */
  buffer: number;
  /** Penalty at the limit. */
  penalty: number;
}

/** 0 up to `limit - buffer` tokens, then falling linearly to `-penalty` at the limit. */
export function overlongPenalty(tokens: number, limit: number, { buffer, penalty }: OverlongOptions): number {
  if (buffer <= 0) return 0;
  const excess = tokens - (limit - buffer);
  return excess <= 0 ? 0 : -penalty * Math.min(1, excess / buffer);
}
