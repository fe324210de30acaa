/** What `tamtrl ask` says about the cost of a reading. */
import { count } from '../../base/format.js';
import type { DryRun } from '../../reader/estimate-reading.js';
import type { ReadingPlan } from '../../reader/plan.js';
import { estimateText, unreadText } from '../../reader/told.js';
import type { Io } from '../terminal/io.js';

/** Shorter readings are over before their estimate has been read. */
const LONG = 20;

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
