/** Arithmetic on shapes with symbols. */
import { EngineError } from '../errors.js';
import type { Dimension, Shape } from './graph.js';

/** NumPy broadcasting. A symbol matches itself and 1; two different symbols do not match. */
export function broadcast(a: Shape, b: Shape): Dimension[] {
  const rank = Math.max(a.length, b.length);
  const result: Dimension[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) {
      throw new EngineError('internal', `Shapes [${a}] and [${b}] do not broadcast.`);
    }
    result.push(left === 1 ? right : left);
  }
  return result;
}

/** Axes of `full` that were broadcast from `shape`: those that `shape` lacks, and those where it has 1. */
export function broadcastAxes(shape: Shape, full: Shape): { missing: number[]; ones: number[] } {
  const offset = full.length - shape.length;
  const missing = Array.from({ length: offset }, (_, axis) => axis);
  const ones: number[] = [];
  for (let axis = offset; axis < full.length; axis++) {
    if (shape[axis - offset] === 1 && full[axis] !== 1) ones.push(axis);
  }
  return { missing, ones };
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The axis, counted from the front. */
export function normalizeAxis(axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (normalized < 0 || normalized >= rank) {
    throw new EngineError('internal', `Axis ${axis} is outside of rank ${rank}.`);
  }
  return normalized;
}
