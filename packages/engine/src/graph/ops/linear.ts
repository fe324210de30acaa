/** Matrix products, each with its gradient rule. */
import { float, int, type Value } from '../graph.js';
import { broadcast } from '../shapes.js';

export interface MatmulOptions {
  transposeA?: boolean;
  transposeB?: boolean;
  /** Factor of the product; default 1. */
  alpha?: number;
}

/** alpha op(a) op(b) over the last two axes, where op is transposition if requested. Leading axes must be equal. */
export function matmul(
  a: Value,
  b: Value,
  { transposeA = false, transposeB = false, alpha = 1 }: MatmulOptions = {},
): Value {
  const rows = a.shape[a.rank - (transposeA ? 1 : 2)];
  const columns = b.shape[b.rank - (transposeB ? 2 : 1)];
  const shape = [...broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)), rows, columns];
  return a.graph.node('FusedMatMul', [a, b], [{ type: a.type, shape }], {
    domain: 'com.microsoft',
    attributes: {
      transA: int(transposeA ? 1 : 0),
      transB: int(transposeB ? 1 : 0),
      alpha: float(alpha),
    },
    gradient: ([dy]) => [
      dy &&
        (() =>
          transposeA
            ? matmul(b, dy, { transposeA: transposeB, transposeB: true, alpha })
            : matmul(dy, b, { transposeB: !transposeB, alpha })),
      dy &&
        (() =>
          transposeB
            ? matmul(dy, a, { transposeA: true, transposeB: transposeA, alpha })
            : matmul(a, dy, { transposeA: !transposeA, alpha })),
    ],
  })[0];
}

/** x w^T for x [N, in] and a weight [out, in], as checkpoints store it; the result is [N, out]. */
export function linear(x: Value, weight: Value): Value {
  return gemm(x, weight, false, true);
}

/** op(a) op(b) for matrices. */
export function gemm(a: Value, b: Value, transposeA: boolean, transposeB: boolean): Value {
  const shape = [a.shape[transposeA ? 1 : 0], b.shape[transposeB ? 0 : 1]];
  return a.graph.node('Gemm', [a, b], [{ type: a.type, shape }], {
    attributes: { transA: int(transposeA ? 1 : 0), transB: int(transposeB ? 1 : 0) },
    gradient: ([dy]) => [
      dy && (() => (transposeA ? gemm(b, dy, transposeB, true) : gemm(dy, b, false, !transposeB))),
      dy && (() => (transposeB ? gemm(dy, a, true, transposeA) : gemm(a, dy, !transposeA, false))),
    ],
  })[0];
}
