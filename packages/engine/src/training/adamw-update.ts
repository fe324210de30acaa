/** The arithmetic of AdamW on one tensor, for both threads that share the work. */

/** The numbers of a step that all parameters share. */
export interface AdamwUpdate {
  /** Factor of the gradient. */
  clip: number;
  beta1: number;
  beta2: number;
  /** learningRate / (1 - beta1^step) */
  stepSize: number;
  /** 1 / sqrt(1 - beta2^step) */
  correction2: number;
  epsilon: number;
  /** 1 - learningRate x weightDecay */
  keep: number;
}

/** A parameter with its gradient (zeros if absent) and moments. All arrays have the same length. */
export interface AdamwTensor {
  name: string;
  weight: Float32Array;
  gradient: Float32Array | undefined;
  first: Float32Array;
  second: Float32Array;
}

/** Changes weight and moments in place. */
export function updateTensor({ weight, gradient, first, second }: AdamwTensor, update: AdamwUpdate): void {
  const { clip, beta1, beta2, stepSize, correction2, epsilon, keep } = update;
  const gradients = gradient ?? new Float32Array(weight.length);
  for (let i = 0; i < weight.length; i++) {
    const g = gradients[i] * clip;
    const m = beta1 * first[i] + (1 - beta1) * g;
    const v = beta2 * second[i] + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    weight[i] = weight[i] * keep - (stepSize * m) / (Math.sqrt(v) * correction2 + epsilon);
  }
}
