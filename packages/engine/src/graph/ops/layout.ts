/** Operators that move elements and compute nothing, each with its gradient rule. */
import { type Dimension, type ElementType, int, ints, type Value } from '../graph.js';
import { normalizeAxis } from '../shapes.js';
import { expandTo, filled } from './broadcast.js';
import { reshape, symbolSize } from './reshape.js';

/** Axis `i` of the result is axis `permutation[i]` of `x`. */
export function transpose(x: Value, permutation: readonly number[]): Value {
  const inverse = permutation.map((_, axis) => permutation.indexOf(axis));
  const shape = permutation.map((axis) => x.shape[axis]);
  return x.graph.node('Transpose', [x], [{ type: x.type, shape }], {
    attributes: { perm: ints(permutation) },
    gradient: ([dy]) => [dy && (() => transpose(dy, inverse))],
  })[0];
}

/** Joins values along an axis. `size` is the size of the result's axis if it is a symbol. */
export function concat(values: readonly Value[], axis: number, size?: Dimension): Value {
  const [first] = values;
  const at = normalizeAxis(axis, first.rank);
  const sizes = values.map((value) => value.shape[at]);
  const total = size ?? sizes.reduce((sum, part) => Number(sum) + Number(part), 0);
  const shape = first.shape.map((dimension, index) => (index === at ? total : dimension));
  const attributes = { axis: int(at) };
  return first.graph.node('Concat', values, [{ type: first.type, shape }], {
    attributes,
    gradient: ([dy]) => {
      if (!dy) return [];
      let parts: Value[] | undefined;
      const part = (index: number) => {
        parts ??= split(dy, sizes, at);
        return parts[index];
      };
      return values.map((_, index) => () => part(index));
    },
  })[0];
}

/** Parts of an axis of the given sizes (symbols of inputs, or numbers), the inverse of `concat`. */
export function split(x: Value, sizes: readonly Dimension[], axis: number): Value[] {
  const at = normalizeAxis(axis, x.rank);
  const vectors = sizes.map((size) => (typeof size === 'string' ? symbolSize(x, size) : x.graph.integers([size])));
  const lengths = x.graph.cached(`sizes:${sizes.join()}`, () => {
    const attributes = { axis: int(0) };
    return x.graph.node('Concat', vectors, [{ type: 'int64', shape: [sizes.length] }], { attributes })[0];
  });
  const outputs = sizes.map((size) => ({
    type: x.type,
    shape: x.shape.map((dimension, index) => (index === at ? size : dimension)),
  }));
  const parts = x.graph.node('Split', [x, lengths], outputs, {
    attributes: { axis: int(at) },
    gradient: (gradients) => [
      () => {
        const known = gradients.map((dy, index) => dy ?? filled(x.graph, 0, parts[index].shape));
        return concat(known, at, x.shape[at]);
      },
    ],
  });
  return parts;
}

/** Elements `start` to `end` (exclusive) of an axis whose size is known when the graph is built. */
export function slice(x: Value, axis: number, start: number, end: number): Value {
  const at = normalizeAxis(axis, x.rank);
  const size = Number(x.shape[at]);
  const shape = x.shape.map((dimension, index) => (index === at ? end - start : dimension));
  const inputs = [x, x.graph.integers([start]), x.graph.integers([end]), x.graph.integers([at])];
  return x.graph.node('Slice', inputs, [{ type: x.type, shape }], {
    gradient: ([dy]) => [
      dy &&
        (() => {
          const before = x.shape.map((_, i) => (i === at ? start : 0));
          const after = x.shape.map((_, i) => (i === at ? size - end : 0));
          const pads = [...before, ...after];
          return dy.graph.node('Pad', [dy, dy.graph.integers(pads)], [{ type: x.type, shape: x.shape }])[0];
        }),
    ],
  })[0];
}

/**
 * Rows `indices` (int64 [M]) of `x` ([N, ...]). If a row was taken several times, the backward pass adds its gradients
 * one after another, so that the result does not depend on threads.
 */
export function gatherRows(x: Value, indices: Value): Value {
  const shape = [...indices.shape, ...x.shape.slice(1)];
  return x.graph.node('Gather', [x, indices], [{ type: x.type, shape }], {
    attributes: { axis: int(0) },
    gradient: ([dy]) => [
      dy &&
        (() => {
          const zeros = filled(dy.graph, 0, x.shape);
          const positions = reshape(indices, [...indices.shape, ...x.shape.slice(1).map(() => 1)]);
          return scatterAdd(zeros, expandTo(positions, dy.shape), dy, 0);
        }),
    ],
  })[0];
}

/** y[i] = x[i][indices[i]] for x [M, N], indices int64 [M]; the result is [M]. */
export function gatherColumns(x: Value, indices: Value): Value {
  const column = reshape(indices, [x.shape[0], 1]);
  const [picked] = x.graph.node('GatherElements', [x, column], [{ type: x.type, shape: [x.shape[0], 1] }], {
    attributes: { axis: int(1) },
    gradient: ([dy]) => [dy && (() => scatterAdd(filled(dy.graph, 0, x.shape), column, dy, 1))],
  });
  return reshape(picked, [x.shape[0]]);
}

/**
 * x with updates added at indices along an axis (ScatterElements). For backward passes; it has no gradient rule itself.
 */
export function scatterAdd(x: Value, indices: Value, updates: Value, axis: number): Value {
  return x.graph.node('ScatterElements', [x, indices, updates], [{ type: x.type, shape: x.shape }], {
    attributes: { axis: int(axis), reduction: { type: 'string', value: 'add' } },
  })[0];
}

/** Converts to another type. Gradients do not pass through. */
export function cast(x: Value, type: ElementType): Value {
  const to = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9 }[type];
  return x.graph.node('Cast', [x], [{ type, shape: x.shape }], { attributes: { to: int(to) } })[0];
}
