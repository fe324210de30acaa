/** AdamW (arXiv 1711.05101), with clipping by the global norm. */
import type { OptimStepOptions, OptimStepResult } from '../api.js';
import { EngineError } from '../errors.js';
import { type ParameterSet, zeroParameters } from '../models/parameters.js';
import { AdamwKernel } from './adamw-kernel.js';
import type { AdamwThread } from './adamw-thread.js';
import type { AdamwTensor, AdamwUpdate } from './adamw-update.js';
import type { Gradients } from './gradients.js';

export interface OptimizerState {
  /** Steps taken. */
  step: number;
  /** First and second moments of the gradient. */
  first: ParameterSet;
  second: ParameterSet;
}

/** Moments of zero for parameters of these shapes. */
export function newOptimizerState(shapes: ReadonlyMap<string, readonly number[]>): OptimizerState {
  return { step: 0, first: zeroParameters(shapes), second: zeroParameters(shapes) };
}

/** Square root of the sum of squares over all gradients; NaN or Infinity if one of them is not finite. */
export function globalNorm(gradients: Gradients): number {
  let sum = 0;
  for (const data of gradients.values()) {
    // Four sums that do not wait for each other.
    let [a, b, c, d] = [0, 0, 0, 0];
    const even = data.length - (data.length % 4);
    for (let i = 0; i < even; i += 4) {
      a += data[i] * data[i];
      b += data[i + 1] * data[i + 1];
      c += data[i + 2] * data[i + 2];
      d += data[i + 3] * data[i + 3];
    }
    for (let i = even; i < data.length; i++) a += data[i] * data[i];
    sum += a + b + c + d;
  }
  return Math.sqrt(sum);
}

/** Models with fewer parameters finish a step before a second thread could start. */
const SMALLEST_SHARED = 4e6;

/**
 * theta <- theta - lr weightDecay theta - lr m^ / (sqrt(v^) + epsilon), with bias-corrected moments m^ and v^ of the
 * gradient scaled to a norm of at most gradientClipNorm. Decay applies to every parameter, as in torch.optim.AdamW by
 * default, unless `decayNorms` is false. A gradient that is not finite changes nothing.
 */
export async function adamwStep(
  weights: ParameterSet,
  gradients: Gradients,
  state: OptimizerState,
  options: OptimStepOptions,
  thread?: AdamwThread,
): Promise<OptimStepResult> {
  const { learningRate, beta1 = 0.9, beta2 = 0.95, epsilon = 1e-8, weightDecay = 0, gradientClipNorm = 0 } = options;
  for (const [name, value] of Object.entries({ learningRate, beta1, beta2, epsilon, weightDecay, gradientClipNorm })) {
    if (Number.isFinite(value) && value >= 0) continue;
    throw new EngineError(
      'invalid-argument',
      `optimStep: ${name} must be a finite number of at least 0, found ${value}.`,
    );
  }
  const gradientNorm = globalNorm(gradients);
  if (!Number.isFinite(gradientNorm)) return { gradientNorm, skipped: true, step: state.step };
  state.step++;
  const update: AdamwUpdate = {
    beta1,
    beta2,
    epsilon,
    // The small constant comes from torch.nn.utils.clip_grad_norm_.
    clip: gradientClipNorm > 0 ? Math.min(1, gradientClipNorm / (gradientNorm + 1e-6)) : 1,
    stepSize: learningRate / (1 - beta1 ** state.step),
    correction2: 1 / Math.sqrt(1 - beta2 ** state.step),
    keep: 1 - learningRate * weightDecay,
  };
  const tensors = [...weights].map(([name, weight]): AdamwTensor => {
    const [first, second] = [state.first.get(name), state.second.get(name)] as [Float32Array, Float32Array];
    const keep = options.decayNorms === false && isNorm(name) ? 1 : undefined;
    return { name, weight, gradient: gradients.get(name), first, second, keep };
  });
  const [own, other] = thread ? shareOut(tensors) : [tensors, []];
  const elsewhere = thread && other.length > 0 ? thread.run(other, update) : Promise.resolve([]);
  const kernel = new AdamwKernel();
  for (const tensor of own) kernel.run(tensor, update);
  for (const { name, weight, first, second } of await elsewhere) {
    weights.set(name, weight);
    state.first.set(name, first);
    state.second.set(name, second);
  }
  return { gradientNorm, skipped: false, step: state.step };
}

/** Weights of a normalisation, and biases: numbers for which 0 is no rest position. */
function isNorm(name: string): boolean {
  return /norm\.weight$|\.bias$/.test(name);
}

/** Two lists with about the same number of parameters. The second holds only arrays that can be transferred whole. */
function shareOut(tensors: readonly AdamwTensor[]): [AdamwTensor[], AdamwTensor[]] {
  const own: AdamwTensor[] = [];
  const other: AdamwTensor[] = [];
  const total = tensors.reduce((sum, { weight }) => sum + weight.length, 0);
  if (total < SMALLEST_SHARED) return [[...tensors], other];
  let [ownSize, otherSize] = [0, 0];
  for (const tensor of [...tensors].sort((a, b) => b.weight.length - a.weight.length)) {
    const { weight, gradient, first, second } = tensor;
    const whole = [weight, gradient ?? weight, first, second].every(
      (array) => array.byteLength === array.buffer.byteLength,
    );
    if (whole && otherSize < ownSize) {
      other.push(tensor);
      otherSize += weight.length;
    } else {
      own.push(tensor);
      ownSize += weight.length;
    }
  }
  return [own, other];
}
