/** Root mean square normalisation (arXiv 1910.07467): x / sqrt(mean(x^2) + epsilon) * weight. */
import { float, type Graph, int, type Value, withGradient } from '../graph.js';
import { reduceSum, sumTo } from './broadcast.js';
import { add, multiply, subtract } from './elementwise.js';
import { gemm } from './linear.js';
import { reduceMean } from './mean.js';
import { reshape } from './reshape.js';

/**
 * Rows up to this width are normalised by matrix products: the kernel, and every broadcast of one number a row, cost a
 * call for each row. Ten times faster at 16, a third at 64 (measured: docs/speed.md).
 */
const NARROW = 64;

/**
 * Normalises each piece of `weight`'s size along the last axis of x [N, pieces x size] separately: one piece for hidden
 * states, one for each head's queries or keys.
 */
export function rmsNorm(x: Value, weight: Value, epsilon: number): Value {
  const [rows, width] = x.shape;
  const size = Number(weight.shape[0]);
  const pieces = Number(width) / size;
  if (size <= NARROW) return byProducts(x, weight, epsilon, pieces);
  return pieces === 1
    ? byKernel(x, weight, epsilon)
    : reshape(byKernel(reshape(x, [rows, pieces, size]), weight, epsilon), x.shape);
}

/** Over the last axis of x [..., size], with the runtime's kernel. */
function byKernel(x: Value, weight: Value, epsilon: number): Value {
  const rows = [...x.shape.slice(0, -1), 1];
  const [y, inverse] = x.graph.node(
    'SimplifiedLayerNormalization',
    [x, weight],
    [
      { type: x.type, shape: x.shape },
      { type: x.type, shape: rows },
    ],
    {
      attributes: { axis: int(-1), epsilon: float(epsilon), stash_type: int(1) },
      gradient: ([dy]) => [
        dy &&
          (() => {
            // With n = x * inverse and g = dy * weight: dx = inverse * (g - n * mean(g * n)).
            const n = multiply(x, inverse);
            const g = multiply(dy, weight);
            return multiply(inverse, subtract(g, multiply(n, reduceMean(multiply(g, n), -1, true))));
          }),
        dy && (() => sumRows(multiply(dy, multiply(x, inverse)))),
      ],
    },
  );
  return y;
}

/** The same for x [N, pieces x size]: means and their spreading over the piece are products with fixed matrices. */
function byProducts(x: Value, weight: Value, epsilon: number, pieces: number): Value {
  const { graph } = x;
  const size = Number(weight.shape[0]);
  const mean = pieceMatrix(graph, pieces, size, 1 / size);
  const spread = pieceMatrix(graph, pieces, size, 1);
  const meanOf = (value: Value) => gemm(value, mean, false, false);
  const spreadOf = (value: Value) => gemm(value, spread, false, true);
  const weights = reshape(multiply(filledOnes(graph, pieces), weight), [pieces * size]);
  const inverse = spreadOf(reciprocalRoot(add(meanOf(multiply(x, x)), graph.scalar(epsilon))));
  const n = multiply(x, inverse);
  return withGradient(multiply(n, weights), [x, weight], (dy) => [
    () => {
      const g = multiply(dy, weights);
      return multiply(inverse, subtract(g, multiply(n, spreadOf(meanOf(multiply(g, n))))));
    },
    () => reduceSum(reshape(sumTo(multiply(dy, n), [pieces * size]), [pieces, size]), [0], false),
  ]);
}

/** [pieces x size, pieces], `value` where a row belongs to the column's piece. */
function pieceMatrix(graph: Graph, pieces: number, size: number, value: number): Value {
  return graph.cached(`pieces:${pieces},${size},${value}`, () => {
    const data = new Float32Array(pieces * size * pieces);
    for (let row = 0; row < pieces * size; row++) data[row * pieces + Math.floor(row / size)] = value;
    return graph.constant('float32', [pieces * size, pieces], data);
  });
}

function filledOnes(graph: Graph, pieces: number): Value {
  return graph.cached(`ones:${pieces}`, () => graph.constant('float32', [pieces, 1], new Float32Array(pieces).fill(1)));
}

function reciprocalRoot(x: Value): Value {
  const unary = (operator: string, value: Value) =>
    x.graph.node(operator, [value], [{ type: value.type, shape: value.shape }])[0];
  return unary('Reciprocal', unary('Sqrt', x));
}

/**
 * Sum over all axes but the last. For pieces it takes two steps: long rows first, which the kernel sums fastest.
 */
function sumRows(x: Value): Value {
  if (x.rank < 3) return sumTo(x, x.shape.slice(-1));
  return reduceSum(reduceSum(x, [0], false), [0], false);
}
