/** Shapes at run time: the sizes that symbols stand for, and reshaping. */
import { EngineError } from '../../errors.js';
import { int, type Shape, type Value } from '../graph.js';
import { sameShape } from '../shapes.js';

/**
 * The sizes of `shape` as an int64 vector. Symbols get their sizes from the graph's inputs. With `inferOne`, one symbol
 * may be new: it becomes -1, the remaining size.
 */
export function shapeVector(x: Value, shape: Shape, inferOne: boolean): Value {
  const { graph } = x;
  const symbols = shape.filter((size) => typeof size === 'string');
  if (symbols.length === 0) return graph.integers(shape as readonly number[]);
  if (inferOne && symbols.length === 1) {
    return graph.integers(shape.map((size) => (typeof size === 'string' ? -1 : size)));
  }
  return graph.cached(`shape:${shape.join()}`, () => {
    const known = (size: string) => graph.inputs.some((input) => input.shape.includes(size));
    const unknown = inferOne ? symbols.find((size) => !known(size)) : undefined;
    const parts = shape.map((size) => {
      if (typeof size === 'number') return graph.integers([size]);
      return size === unknown ? graph.integers([-1]) : symbolSize(x, size);
    });
    return graph.node('Concat', parts, [{ type: 'int64', shape: [shape.length] }], { attributes: { axis: int(0) } })[0];
  });
}

/** Size of a symbol at run time, int64 [1]. */
export function symbolSize(x: Value, symbol: string): Value {
  const { graph } = x;
  return graph.cached(`symbol:${symbol}`, () => {
    for (const input of graph.inputs) {
      const axis = input.shape.indexOf(symbol);
      if (axis < 0) continue;
      return graph.node('Shape', [input], [{ type: 'int64', shape: [1] }], {
        attributes: { start: int(axis), end: int(axis + 1) },
      })[0];
    }
    throw new EngineError('internal', `No input of graph ${graph.name} has the symbol ${symbol}.`);
  });
}

/** The same elements in the same order. One symbol of `shape` may be new: it gets the remaining size. */
export function reshape(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  return x.graph.node('Reshape', [x, shapeVector(x, shape, true)], [{ type: x.type, shape }], {
    gradient: ([dy]) => [dy && (() => reshape(dy, x.shape))],
  })[0];
}
