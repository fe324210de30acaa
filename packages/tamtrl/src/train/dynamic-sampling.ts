/**
 * Dynamic sampling (DAPO, arXiv 2503.14476): groups whose rewards are all equal give no gradient; they are dropped and
 * others drawn, up to a cap.
 */
import type { Advantages } from './token-advantages.js';

export interface DynamicSamplingOptions {
  /** Groups wanted. */
  wanted: number;
  /** Most rounds of drawing; 1 draws once and keeps the useful groups. */
  maxRounds: number;
  /** Keep useless groups too, so that one round suffices. */
  keepAll: boolean;
}

export interface Collected<T> {
  kept: T[];
  /** Groups without a gradient. */
  dropped: number;
  drawn: number;
  rounds: number;
}

/** Draws as many groups as are still missing until there are enough or the rounds are over. */
export async function collectUseful<T>(
  draw: (count: number) => Promise<T[]>,
  useful: (item: T) => boolean,
  options: DynamicSamplingOptions,
): Promise<Collected<T>> {
  const result: Collected<T> = { kept: [], dropped: 0, drawn: 0, rounds: 0 };
  while (result.kept.length < options.wanted && result.rounds < options.maxRounds) {
    const items = await draw(options.wanted - result.kept.length);
    const kept = options.keepAll ? items : items.filter(useful);
    result.kept.push(...kept);
    result.dropped += items.length - kept.length;
    result.drawn += items.length;
    result.rounds++;
    if (options.keepAll) break;
  }
  return result;
}

/** Whether the group gives a gradient: some advantage, of a turn or of a token, is not 0. */
export function hasGradient({ advantages, tokenAdvantages }: Advantages): boolean {
  return (tokenAdvantages ?? [advantages]).flat(2).some((advantage) => advantage !== 0);
}

/** DAPO's criterion: all rollouts of the question have the same outcome, all right or all wrong. */
export function areEqual(outcomes: readonly number[]): boolean {
  return outcomes.every((outcome) => outcome === outcomes[0]);
}
