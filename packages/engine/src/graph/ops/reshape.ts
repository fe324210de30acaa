/** Shapes at run time: the sizes that symbols stand for, and reshaping. */
import { EngineError } from '../../errors.js';
import { type Graph, int, type Shape, type Value } from '../graph.js';
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
    const unknown = inferOne ? newSymbol(graph, symbols) : undefined;
    const parts = shape.map((size) => {
      if (typeof size === 'number') return graph.integers([size]);
      return size === unknown ? graph.integers([-1]) : symbolSize(x, size);
    });
    return graph.node('Concat', parts, [{ type: 'int64', shape: [shape.length] }], { attributes: { axis: int(0) } })[0];
  });
}

/** The symbol that no input has; of several, the one that no other value has either. */
function newSymbol(graph: Graph, symbols: readonly string[]): string | undefined {
  const derived = symbols.filter((symbol) => !hasSymbol(graph.inputs, symbol));
  return derived.length > 1 ? derived.find((symbol) => !hasSymbol(computed(graph), symbol)) : derived[0];
}

function computed(graph: Graph): Value[] {
  return graph.nodes.flatMap((node) => node.outputs);
}

function hasSymbol(values: readonly Value[], symbol: string): boolean {
  return values.some(({ shape }) => shape.includes(symbol));
}

/** Size of a symbol at run time, int64 [1]: that of an input, or else of a value computed earlier. */
export function symbolSize(x: Value, symbol: string): Value {
  const { graph } = x;
  return graph.cached(`symbol:${symbol}`, () => {
    const has = (value: Value) => value.shape.includes(symbol);
    const source = graph.inputs.find(has) ?? computed(graph).find(has);
    if (!source) throw new EngineError('internal', `No value of graph ${graph.name} has the symbol ${symbol}.`);
    const axis = source.shape.indexOf(symbol);
    return graph.node('Shape', [source], [{ type: 'int64', shape: [1] }], {
      attributes: { start: int(axis), end: int(axis + 1) },
    })[0];
  });
}

/** The same elements in the same order. One symbol of `shape` may be new: it gets the remaining size. */
export function reshape(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  return x.graph.node('Reshape', [x, shapeVector(x, shape, true)], [{ type: x.type, shape }], {
    gradient: ([dy]) => [dy && (() => reshape(dy, x.shape))],
  })[0];
}
