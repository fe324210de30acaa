/** AdamW (arXiv 1711.05101), with clipping by the global norm. */
import type { OptimStepOptions, OptimStepResult } from '../api.js';
import { EngineError } from '../errors.js';
import type { ModelConfig } from '../models/config.js';
import { type ParameterSet, zeroParameters } from '../models/parameters.js';
import type { Gradients } from './gradients.js';

export interface OptimizerState {
  /** Steps taken. */
  step: number;
  /** First and second moment of the gradient. */
  first: ParameterSet;
  second: ParameterSet;
}

export function newOptimizerState(config: ModelConfig): OptimizerState {
  return { step: 0, first: zeroParameters(config), second: zeroParameters(config) };
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

/**
 * theta <- theta - lr weightDecay theta - lr m^ / (sqrt(v^) + epsilon), with bias-corrected moments m^ and v^ of the gradient
 * scaled to a norm of at most gradientClipNorm. Decay applies to every parameter alike, as in torch.optim.AdamW by default.
 * A gradient that is not finite changes nothing.
 */
export function adamwStep(
  weights: ParameterSet,
  gradients: Gradients,
  state: OptimizerState,
  options: OptimStepOptions,
): OptimStepResult {
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
  // The small constant is torch.nn.utils.clip_grad_norm_'s.
  const clip = gradientClipNorm > 0 ? Math.min(1, gradientClipNorm / (gradientNorm + 1e-6)) : 1;
  state.step++;
  const correction1 = 1 - beta1 ** state.step;
  const correction2 = 1 / Math.sqrt(1 - beta2 ** state.step);
  const stepSize = learningRate / correction1;
  const keep = 1 - learningRate * weightDecay;
  for (const [name, weight] of weights) {
    const gradient = gradients.get(name) ?? new Float32Array(weight.length);
    const first = state.first.get(name) as Float32Array;
    const second = state.second.get(name) as Float32Array;
    for (let i = 0; i < weight.length; i++) {
      const g = gradient[i] * clip;
      const m = beta1 * first[i] + (1 - beta1) * g;
      const v = beta2 * second[i] + (1 - beta2) * g * g;
      first[i] = m;
      second[i] = v;
      weight[i] = weight[i] * keep - (stepSize * m) / (Math.sqrt(v) * correction2 + epsilon);
    }
  }
  return { gradientNorm, skipped: false, step: state.step };
}
