/** Operators that work element by element, each with its gradient rule. */
import type { ElementType, GradientRule, Value } from '../graph.js';
import { broadcast } from '../shapes.js';
import { sumTo } from './broadcast.js';

function binary(operator: string, a: Value, b: Value, gradient?: GradientRule, type: ElementType = a.type): Value {
  return a.graph.node(operator, [a, b], [{ type, shape: broadcast(a.shape, b.shape) }], { gradient })[0];
}

function unary(operator: string, x: Value, gradient: (dy: Value, y: Value) => Value): Value {
  const rule: GradientRule = ([dy]) => [dy && (() => gradient(dy, y))];
  const [y] = x.graph.node(operator, [x], [{ type: x.type, shape: x.shape }], { gradient: rule });
  return y;
}

/** A number as a scalar of the same graph. */
export function scalarLike(x: Value, value: number): Value {
  return x.graph.scalar(value);
}

export function add(a: Value, b: Value): Value {
  return binary('Add', a, b, ([dy]) => [dy && (() => sumTo(dy, a.shape)), dy && (() => sumTo(dy, b.shape))]);
}

export function subtract(a: Value, b: Value): Value {
  return binary('Sub', a, b, ([dy]) => [dy && (() => sumTo(dy, a.shape)), dy && (() => sumTo(negate(dy), b.shape))]);
}

export function multiply(a: Value, b: Value): Value {
  return binary('Mul', a, b, ([dy]) => [
    dy && (() => sumTo(multiply(dy, b), a.shape)),
    dy && (() => sumTo(multiply(dy, a), b.shape)),
  ]);
}

export function divide(a: Value, b: Value): Value {
  const y = binary('Div', a, b, ([dy]) => [
    dy && (() => sumTo(divide(dy, b), a.shape)),
    dy && (() => sumTo(negate(divide(multiply(dy, y), b)), b.shape)),
  ]);
  return y;
}

export function scale(x: Value, factor: number): Value {
  return multiply(x, scalarLike(x, factor));
}

export function negate(x: Value): Value {
  return unary('Neg', x, (dy) => negate(dy));
}

export function exp(x: Value): Value {
  return unary('Exp', x, (dy, y) => multiply(dy, y));
}

export function log(x: Value): Value {
  return unary('Log', x, (dy) => divide(dy, x));
}

export function sigmoid(x: Value): Value {
  return unary('Sigmoid', x, (dy, y) => multiply(dy, multiply(y, subtract(scalarLike(y, 1), y))));
}

export function tanh(x: Value): Value {
  return unary('Tanh', x, (dy, y) => multiply(dy, subtract(scalarLike(y, 1), multiply(y, y))));
}

/** Elementwise minimum. Where both are equal, the gradient goes to `a`. */
export function minimum(a: Value, b: Value): Value {
  return binary('Min', a, b, ([dy]) => [
    dy && (() => sumTo(where(lessOrEqual(a, b), dy, scalarLike(dy, 0)), a.shape)),
    dy && (() => sumTo(where(lessOrEqual(a, b), scalarLike(dy, 0), dy), b.shape)),
  ]);
}

/** Elementwise maximum. Where both are equal, the gradient goes to `a`. */
export function maximum(a: Value, b: Value): Value {
  return binary('Max', a, b, ([dy]) => [
    dy && (() => sumTo(where(lessOrEqual(b, a), dy, scalarLike(dy, 0)), a.shape)),
    dy && (() => sumTo(where(lessOrEqual(b, a), scalarLike(dy, 0), dy), b.shape)),
  ]);
}

/** condition ? a : b; no gradient flows into the condition. */
export function where(condition: Value, a: Value, b: Value): Value {
  const shape = broadcast(condition.shape, broadcast(a.shape, b.shape));
  return a.graph.node('Where', [condition, a, b], [{ type: a.type, shape }], {
    gradient: ([dy]) => [
      undefined,
      dy && (() => sumTo(where(condition, dy, scalarLike(dy, 0)), a.shape)),
      dy && (() => sumTo(where(condition, scalarLike(dy, 0), dy), b.shape)),
    ],
  })[0];
}

export function less(a: Value, b: Value): Value {
  return binary('Less', a, b, undefined, 'bool');
}

export function lessOrEqual(a: Value, b: Value): Value {
  return binary('LessOrEqual', a, b, undefined, 'bool');
}
