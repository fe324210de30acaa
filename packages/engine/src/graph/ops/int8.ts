/** Products with weights in int8, for sampling: they have no gradient. */
import { int, type Value } from '../graph.js';
import { multiply, scale as times } from './elementwise.js';

/** Most that a rounded number may be: 127 on both sides of the zero point. */
const LARGEST = 127;
const ZERO = 128;
/** Keeps a row of zeros from being divided by zero. */
const SMALLEST = 1e-30;

/**
 * x w for x [N, in] and w [in, out] in int8, each column with its factor in `scales` [out]: [N, out]. Each row of x is
 * rounded to 8 bits with a factor of its own, so that its result does not depend on the rows beside it, and the sums
 * of whole numbers are exact.
 */
export function int8Linear(x: Value, weight: Value, scales: Value): Value {
  const { graph } = x;
  const { bytes, factors } = rounded(x);
  const zero = graph.cached('int8 zero', () => graph.constant('uint8', [], Uint8Array.of(ZERO)));
  const one = graph.scalar(1);
  const [sums] = graph.node(
    'MatMulIntegerToFloat',
    [bytes, weight, one, scales, zero],
    [{ type: 'float32', shape: [x.shape[0], weight.shape[1]] }],
    { domain: 'com.microsoft' },
  );
  return multiply(sums, factors);
}

/** x [N, in] as uint8 around 128 and a factor for each row [N, 1]; once for all products with the same x. */
function rounded(x: Value): { bytes: Value; factors: Value } {
  const { graph } = x;
  const [count] = x.shape;
  const factors = graph.cached(`int8 factors of ${x.name}`, () => {
    const [sizes] = graph.node('Abs', [x], [{ type: 'float32', shape: x.shape }]);
    const [most] = graph.node('ReduceMax', [sizes, graph.integers([-1])], [{ type: 'float32', shape: [count, 1] }], {
      attributes: { keepdims: int(1) },
    });
    const [bounded] = graph.node('Max', [most, graph.scalar(SMALLEST)], [{ type: 'float32', shape: [count, 1] }]);
    return times(bounded, 1 / LARGEST);
  });
  const bytes = graph.cached(`int8 of ${x.name}`, () => {
    const [perRow] = graph.node('Reshape', [factors, graph.integers([-1])], [{ type: 'float32', shape: [count] }]);
    const [length] = graph.node('Shape', [perRow], [{ type: 'int64', shape: [1] }]);
    const zero = graph.cached('int8 zeros', () => graph.constant('uint8', [1], Uint8Array.of(ZERO)));
    const [zeros] = graph.node('Expand', [zero, length], [{ type: 'uint8', shape: [count] }]);
    return graph.node('QuantizeLinear', [x, perRow, zeros], [{ type: 'uint8', shape: x.shape }], {
      attributes: { axis: int(0) },
    })[0];
  });
  return { bytes, factors };
}
