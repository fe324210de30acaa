/** The mean over an axis. Sums are in broadcast.ts. */
import type { Value } from '../graph.js';
import { normalizeAxis } from '../shapes.js';
import { expandTo, reduce } from './broadcast.js';
import { multiply } from './elementwise.js';

/** Mean over one axis of a size known when the graph is built. */
export function reduceMean(x: Value, axis: number, keepDimensions: boolean): Value {
  const size = x.shape[normalizeAxis(axis, x.rank)];
  const factor = x.graph.scalar(1 / Number(size));
  return reduce('ReduceMean', x, [axis], keepDimensions, (dy) => expandTo(multiply(dy, factor), x.shape));
}
