/** Sums and means over axes, and the sum that undoes broadcasting in a backward pass. */
import { type Dimension, int, type Shape, type Value } from '../graph.js';
import { broadcastAxes, normalizeAxis, sameShape } from '../shapes.js';
import { multiply } from './elementwise.js';
import { expandTo, reshape } from './layout.js';

/** Sum over `axes`, which stay as size 1 if `keepDimensions`. */
export function reduceSum(x: Value, axes: readonly number[], keepDimensions: boolean): Value {
  return reduce('ReduceSum', x, axes, keepDimensions, (dy) => expandTo(dy, x.shape));
}

/** Mean over one axis of a size known when the graph is built. */
export function reduceMean(x: Value, axis: number, keepDimensions: boolean): Value {
  const size = x.shape[normalizeAxis(axis, x.rank)];
  const factor = x.graph.scalar(1 / Number(size));
  return reduce('ReduceMean', x, [axis], keepDimensions, (dy) => expandTo(multiply(dy, factor), x.shape));
}

function reduce(
  operator: string,
  x: Value,
  axes: readonly number[],
  keepDimensions: boolean,
  gradient: (dy: Value) => Value,
): Value {
  const normalized = axes.map((axis) => normalizeAxis(axis, x.rank)).sort((a, b) => a - b);
  const kept: Dimension[] = x.shape.map((size, axis) => (normalized.includes(axis) ? 1 : size));
  const shape = keepDimensions ? kept : kept.filter((_, axis) => !normalized.includes(axis));
  return x.graph.node(operator, [x, x.graph.integers(normalized)], [{ type: x.type, shape }], {
    attributes: { keepdims: int(keepDimensions ? 1 : 0) },
    gradient: ([dy]) => [dy && (() => gradient(keepDimensions ? dy : reshape(dy, kept)))],
  })[0];
}

/** Sum of `x` over the axes along which `shape` was broadcast to x's shape. */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const { missing, ones } = broadcastAxes(shape, x.shape);
  const kept = ones.length > 0 ? reduceSum(x, ones, true) : x;
  return missing.length > 0 ? reduceSum(kept, missing, false) : kept;
}
