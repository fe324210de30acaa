/** What `tamtrl ask` says about the cost of a reading. */
import { count, counted, duration } from '../../base/format.js';
import { moneyText } from '../../policy/prices.js';
import type { DryRun } from '../../reader/estimate-reading.js';
import type { ReadingEstimate, ReadingPlan } from '../../reader/plan.js';
import type { Unread } from '../../reader/survey.js';
import type { Io } from '../terminal/io.js';

/** Shorter readings are over before their estimate has been read. */
const LONG = 20;
const MOST_RANGES = 5;

function estimateText({ exact, chunks, requests, tokens, cost, seconds }: ReadingEstimate): string {
  const money = cost ? `, ${moneyText(cost)}` : '';
  const time = seconds === undefined ? '' : `, about ${duration(seconds)}`;
  return `${exact ? '' : 'About '}${counted(chunks, 'chunk')}, ${counted(requests, 'request')}; at most ${count(tokens.prompt)} tokens read, ${count(tokens.output)} written${money}${time}\n`;
}

/** Before the first turn of a long reading, and of every one that has a price. */
export function tellEstimate({ estimate, unread }: ReadingPlan, io: Io): void {
  if (estimate && (estimate.chunks >= LONG || estimate.cost || unread)) io.err(estimateText(estimate));
}

export function tellDryRun(found: DryRun, json: boolean, io: Io): void {
  if (json) {
    io.out(`${JSON.stringify(found)}\n`);
    return;
  }
  io.out(estimateText(found));
  if (found.unread && found.unread.chunks > 0) io.out(unreadText(found.unread));
  if (found.assumed) {
    io.err(
      `The server was not asked for its window: ${count(found.contextLength)} tokens are assumed. Set it with --context-length.\n`,
    );
  }
}

export function unreadText({ chunks, tokens, ranges }: Unread): string {
  const shown = ranges.slice(0, MOST_RANGES).map(({ start, end }) => `${count(start)} to ${count(end)}`);
  const more = ranges.length > MOST_RANGES ? `, and ${ranges.length - MOST_RANGES} more stretches` : '';
  return `Not read: ${counted(chunks, 'chunk')} (${count(tokens)} tokens), characters ${shown.join(', ')}${more}\n`;
}
