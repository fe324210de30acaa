/**
 * Scores with intervals, and differences with tests, in the cells of tables. Every table of methods against each other
 * is made of these, so that none has a p without seeds behind it.
 */
import { type CrossedEstimate, holm, LEAST_SEEDS } from '../eval/crossed.js';
import type { Interval } from '../eval/statistics.js';

export const NOT_RUN = 'not run';
export const FAILED = 'failed';

/** The score of a method. */
export interface Score {
  interval: Interval;
  /** Whether the interval is over records alone: one run, or a method that is not trained. */
  recordsOnly: boolean;
}

/** A method against another, as measured. */
export interface Measured {
  estimate: CrossedEstimate;
  /** Whether any of the two is trained, so that there are seeds. */
  trained: boolean;
  /** What the estimate leaves out of the measurements, such as seeds that only one method has. */
  note?: string;
}

/** The same, with the p of all differences in its table looked at together; absent if `untested` says why. */
export interface Difference extends Measured {
  p?: number;
  untested?: string;
}

/** Holm's correction over all differences of a table, in the order given; undefined ones stay. */
export function tested(measured: readonly (Measured | undefined)[]): (Difference | undefined)[] {
  const ps = holm(measured.flatMap((one) => one?.estimate.p ?? []));
  let next = 0;
  return measured.map((one) => {
    if (one === undefined) return undefined;
    return one.estimate.p === undefined ? { ...one, untested: whyUntested(one) } : { ...one, p: ps[next++] };
  });
}

function whyUntested({ trained, estimate }: Measured): string {
  const { seeds } = estimate;
  if (!trained) return 'records only, neither is trained: no p';
  if (seeds >= LEAST_SEEDS) return 'no spread: no p';
  return `${seeds === 1 ? 'records only, ' : ''}${seedCount(seeds)}: no p`;
}

/** "1 seed", "3 seeds" */
export function seedCount(seeds: number): string {
  return `${seeds} ${seeds === 1 ? 'seed' : 'seeds'}`;
}

const points = (share: number) => (100 * share).toFixed(1);

/** "43.9 (41.2 to 46.6)", in percent. */
export function intervalText({ mean, low, high }: Interval): string {
  return `${points(mean)} (${points(low)} to ${points(high)})`;
}

/** "43.9 (39.6 to 48.3; records only)" */
export function scoreText({ interval, recordsOnly }: Score): string {
  const text = intervalText(interval);
  return recordsOnly ? `${text.slice(0, -1)}; records only)` : text;
}

/** "+4.8 (1.0 to 8.6; p = 0.021)", or why there is no p. */
export function differenceText({ estimate, p, untested, note }: Difference): string {
  const sign = estimate.mean >= 0 ? '+' : '';
  const parts = [p === undefined ? untested : pText(p), ...(note === undefined ? [] : [note])];
  return `${sign}${intervalText(estimate).slice(0, -1)}; ${parts.join(', ')})`;
}

function pText(p: number): string {
  return p < 0.001 ? 'p < 0.001' : `p = ${p.toFixed(3)}`;
}
