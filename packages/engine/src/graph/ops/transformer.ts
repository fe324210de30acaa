/**
 * The operators of transformers: rotary embedding, softmax, attention, log-probability of tokens. Norms: rms-norm.ts.
 */
import { int, type Shape, type Value, withGradient } from '../graph.js';
import { reduceSum } from './broadcast.js';
import { add, exp, multiply, negate, scalarLike, scale, sigmoid, subtract, tanh } from './elementwise.js';
import { gatherColumns, scatterAdd } from './layout.js';
import { matmul } from './linear.js';
import { reshape } from './reshape.js';

/**
 * Rotary position embedding (arXiv 2104.09864), halves form, of x [B, heads, T, size] at positions int64 [B, T] with
 * tables cosine and sine [positions, size / 2]. The transpose of a rotation, which the backward pass needs, rotates the
 * other way.
 */
export function rotaryEmbedding(x: Value, positions: Value, cosine: Value, sine: Value): Value {
  return x.graph.node('RotaryEmbedding', [x, positions, cosine, sine], [{ type: x.type, shape: x.shape }], {
    domain: 'com.microsoft',
    attributes: { interleaved: int(0) },
    gradient: ([dy]) => [dy && (() => rotaryEmbedding(dy, positions, cosine, negate(sine)))],
  })[0];
}

/** Softmax over the last axis. */
export function softmax(x: Value): Value {
  const [y] = x.graph.node('Softmax', [x], [{ type: x.type, shape: x.shape }], {
    attributes: { axis: int(-1) },
    gradient: ([dy]) => [
      dy &&
        (() => {
          const weighted = multiply(dy, y);
          return subtract(weighted, multiply(y, reduceSum(weighted, [-1], true)));
        }),
    ],
  });
  return y;
}

/**
 * Softmax(alpha q k^T + bias) v over the last two axes: q [..., Q, d], k and v [..., K, d], bias broadcast to [..., Q,
 * K] and without gradient. The backward pass uses rowsum(dP * P) = rowsum(dy * y) (FlashAttention, arXiv 2205.14135),
 * which is a sum over d numbers instead of K.
 *
 * @param shape of the scores while the bias is added, if q holds several heads that share a key head
 */
export function attention(q: Value, k: Value, v: Value, alpha: number, bias: Value, shape: Shape): Value {
  const scores = matmul(q, k, { transposeB: true, alpha });
  const p = reshape(softmax(add(reshape(scores, shape), bias)), scores.shape);
  const y = matmul(p, v);
  return withGradient(y, [q, k, v], (dy) => {
    let known: Value | undefined;
    const scoreGradient = () => {
      known ??= multiply(p, subtract(matmul(dy, v, { transposeB: true }), reduceSum(multiply(dy, y), [-1], true)));
      return known;
    };
    return [
      () => matmul(scoreGradient(), k, { alpha }),
      () => matmul(scoreGradient(), q, { transposeA: true, alpha }),
      () => matmul(p, dy, { transposeA: true }),
    ];
  });
}

/** Logarithm of the softmax over the last axis. */
export function logSoftmax(x: Value): Value {
  const [y] = x.graph.node('LogSoftmax', [x], [{ type: x.type, shape: x.shape }], {
    attributes: { axis: int(-1) },
    gradient: ([dy]) => [dy && (() => subtract(dy, multiply(exp(y), reduceSum(dy, [-1], true))))],
  });
  return y;
}

/**
 * Log-probability of one token per row, and the entropy of each row's distribution. logits [M, V], tokens int64 [M];
 * both results are [M].
 */
export function tokenLogProbability(logits: Value, tokens: Value): { logProbability: Value; entropy: Value } {
  const rows = logits.shape[0];
  const all = logSoftmax(logits);
  const probabilities = exp(all);
  const sums = reduceSum(multiply(probabilities, all), [-1], false);
  const entropy = withGradient(negate(sums), [logits], (dy) => [
    // dH / dz = -p (log p + H) = p (sum p log p - log p)
    () => multiply(multiply(probabilities, subtract(reshape(sums, [rows, 1]), all)), reshape(dy, [rows, 1])),
  ]);
  const logProbability = withGradient(gatherColumns(all, tokens), [logits], (dy) => [
    () => {
      // (one-hot - p) dy, with a single pass over [M, V] after the product.
      const column = reshape(dy, [rows, 1]);
      return scatterAdd(multiply(probabilities, negate(column)), reshape(tokens, [rows, 1]), column, 1);
    },
  ]);
  return { logProbability, entropy };
}

/** silu(gate) * up (arXiv 2002.05202). */
export function swiglu(gate: Value, up: Value): Value {
  const s = sigmoid(gate);
  const silu = multiply(gate, s);
  return withGradient(multiply(silu, up), [gate, up], (dy) => [
    // silu' = s + silu (1 - s)
    () => multiply(multiply(dy, up), add(s, multiply(silu, subtract(scalarLike(s, 1), s)))),
    () => multiply(dy, silu),
  ]);
}

const GELU_SLOPE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/**
 * gelu(gate) * up (arXiv 2002.05202), with the approximation (arXiv 1606.08415; `gelu_pytorch_tanh` of transformers)
 * gelu(x) = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2.
 */
export function geglu(gate: Value, up: Value): Value {
  const one = scalarLike(gate, 1);
  const square = multiply(gate, gate);
  const t = tanh(multiply(gate, add(scale(square, GELU_SLOPE * GELU_CUBIC), scalarLike(gate, GELU_SLOPE))));
  const share = scale(add(t, one), 0.5);
  const gelu = multiply(gate, share);
  return withGradient(multiply(gelu, up), [gate, up], (dy) => [
    () => {
      // gelu' = (1 + t) / 2 + x (1 - t^2) / 2 * sqrt(2 / pi) (1 + 3 * 0.044715 x^2)
      const inner = add(scale(square, 1.5 * GELU_SLOPE * GELU_CUBIC), scalarLike(gate, 0.5 * GELU_SLOPE));
      const slope = add(share, multiply(multiply(gate, inner), subtract(one, multiply(t, t))));
      return multiply(multiply(dy, up), slope);
    },
    () => multiply(dy, gelu),
  ]);
}
