/** The data of an AdamW step, for both threads that share the work. The arithmetic is in adamw-kernel.ts. */

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
  /** Of this tensor, instead of the step's. */
  keep?: number;
}
