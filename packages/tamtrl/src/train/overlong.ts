/**
 * What happens to outputs close to their length limit (DAPO, arXiv 2503.14476): a soft penalty (equation 13), or no
 * part in the loss (overlong filtering).
 */
import type { Row } from './rows.js';

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

/**
 * Overlong filtering: without the turns that ended at their limit, or without all turns of rollouts that have one. What
 * they earned still counts when others are compared with them.
 */
export function withoutOverlong<Each extends Pick<Row, 'cut' | 'rollout'>>(
  rows: readonly Each[],
  filter: 'turn' | 'rollout' | undefined,
): Each[] {
  if (filter === undefined) return [...rows];
  if (filter === 'turn') return rows.filter(({ cut }) => !cut);
  const overlong = new Set(rows.filter(({ cut }) => cut).map(({ rollout }) => rollout));
  return rows.filter(({ rollout }) => !overlong.has(rollout));
}
