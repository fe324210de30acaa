/**
 * Broadcasting and sums over axes. They share a file because each is the other's gradient: the backward pass of a
 * broadcast is a sum, and that of a sum is a broadcast.
 */
import { type Dimension, type Graph, int, type Shape, type Value } from '../graph.js';
import { broadcastAxes, normalizeAxis, sameShape } from '../shapes.js';
import { reshape, shapeVector } from './reshape.js';

/** Broadcasts to `shape`. */
export function expandTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  broadcastAxes(x.shape, shape);
  return x.graph.node('Expand', [x, shapeVector(x, shape, false)], [{ type: x.type, shape }], {
    gradient: ([dy]) => [dy && (() => sumTo(dy, x.shape))],
  })[0];
}

/** `value` everywhere in a tensor of `shape`. */
export function filled(graph: Graph, value: number, shape: Shape): Value {
  const ones = shape.map(() => 1);
  return expandTo(reshape(graph.scalar(value), ones), shape);
}

/** Sum over `axes`, which stay as size 1 if `keepDimensions`. */
export function reduceSum(x: Value, axes: readonly number[], keepDimensions: boolean): Value {
  return reduce('ReduceSum', x, axes, keepDimensions, (dy) => expandTo(dy, x.shape));
}

/** Sum of `x` over the axes along which `shape` was broadcast to x's shape. */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const { missing, ones } = broadcastAxes(shape, x.shape);
  const kept = ones.length > 0 ? reduceSum(x, ones, true) : x;
  return missing.length > 0 ? reduceSum(kept, missing, false) : kept;
}

/** A reduction over `axes` with a gradient rule; `dy` reaches the rule with the reduced axes as size 1. */
export function reduce(
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
