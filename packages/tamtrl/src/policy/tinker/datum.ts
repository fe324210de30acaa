/** Converts rows to the protocol's data: inputs are shifted by one, and prompt positions have zero weight. */
import type { TrainingRow } from '../types.js';

interface TensorData {
  data: readonly number[];
  dtype: 'int64' | 'float32';
  shape: [number];
}

export interface Datum {
  model_input: ModelInput;
  loss_fn_inputs: Record<string, TensorData>;
}

export interface ModelInput {
  chunks: { type: 'encoded_text'; tokens: readonly number[] }[];
}

/**
 * How a server adds up token losses: `sum`, or `average` over each row's weights and then over the rows (SkyRL's jax
 * backend).
 */
export type LossScaling = 'sum' | 'average';

export const modelInput = (tokens: readonly number[]): ModelInput => ({ chunks: [{ type: 'encoded_text', tokens }] });

const floats = (data: readonly number[]): TensorData => ({ data, dtype: 'float32', shape: [data.length] });
const integers = (data: readonly number[]): TensorData => ({ data, dtype: 'int64', shape: [data.length] });

/** A value for each position of the shifted row: 0 before the completion. */
function spread({ promptIds }: TrainingRow, values: readonly number[], padded: number): number[] {
  const before = promptIds.length - 1;
  return [
    ...new Array<number>(before).fill(0),
    ...values,
    ...new Array<number>(padded - before - values.length).fill(0),
  ];
}

/** `length` rounded up to a multiple of `step`, so that a server that compiles for each shape meets few of them. */
export function paddedLength(length: number, step: number): number {
  return Math.ceil(length / step) * step;
}

function shifted(row: TrainingRow, step: number): { input: number[]; target: number[]; padded: number } {
  const ids = [...row.promptIds, ...row.completionIds];
  const padded = paddedLength(ids.length - 1, step);
  const fill = new Array<number>(padded - (ids.length - 1)).fill(ids[ids.length - 1]);
  return { input: [...ids.slice(0, -1), ...fill], target: [...ids.slice(1), ...fill], padded };
}

/** For scoring and for cross-entropy. `weights` has one value for each completion token. */
export function weightedDatum(row: TrainingRow, weights: readonly number[], step = 1): Datum {
  const { input, target, padded } = shifted(row, step);
  return {
    model_input: modelInput(input),
    loss_fn_inputs: { target_tokens: integers(target), weights: floats(spread(row, weights, padded)) },
  };
}

/** Largest difference of log-probabilities that is taken at its word, as in the engine's loss. */
const LARGEST_DIFFERENCE = 20;

/** The difference within what an exponential can bear. */
export function limited(difference: number): number {
  return Math.min(LARGEST_DIFFERENCE, Math.max(-LARGEST_DIFFERENCE, difference));
}

export interface PolicyDatumOptions {
  scaling?: LossScaling;
  /** Number of rows in the whole batch. */
  rows?: number;
  /** Lengths are padded to multiples of this; default 1. */
  padTo?: number;
  klCoefficient?: number;
}

/**
 * For `ppo`, `importance_sampling` and `cispo`. The weight of each token goes into its advantage: a positive factor
 * passes through the clipped objective, min(r A, clip(r) A), unchanged. On a server that averages, the weight is
 * multiplied by the server's divisors, the row's tokens and the batch's rows, so that gradients have the same
 * magnitude.
 *
 * The KL penalty against the reference goes into the advantage too. The k3 estimate exp(d) - d - 1, d = reference -
 * log-probability, has the derivative 1 - exp(d), and at ratio 1 the surrogate has -A. So A - coefficient (1 - exp(d))
 * has the gradient of both. Where d is limited, the estimate is constant and its derivative 0.
 */
export function policyDatum(
  row: TrainingRow,
  weights: readonly number[],
  { scaling = 'sum', rows = 1, padTo = 1, klCoefficient = 0 }: PolicyDatumOptions = {},
): Datum {
  const { input, target, padded } = shifted(row, padTo);
  const tokens = row.completionIds.length;
  const factor = scaling === 'average' ? tokens * rows : 1;
  const { oldLogProbabilities: old, referenceLogProbabilities: reference } = row;
  const penalty = (at: number) => {
    if (klCoefficient === 0 || !old || !reference) return 0;
    const difference = reference[at] - old[at];
    return limited(difference) === difference ? klCoefficient * (1 - Math.exp(difference)) : 0;
  };
  const advantages = (row.advantages ?? []).map((advantage, at) => (advantage - penalty(at)) * weights[at] * factor);
  return {
    model_input: modelInput(input),
    loss_fn_inputs: {
      target_tokens: integers(target),
      logprobs: floats(spread(row, old ?? [], padded)),
      advantages: floats(spread(row, advantages, padded)),
      // Servers that average divide by the sum of these weights.
      ...(scaling === 'average' ? { weights: floats(spread(row, new Array<number>(tokens).fill(1), padded)) } : {}),
    },
  };
}

/** The values at the completion's positions. */
export function completionValues(row: TrainingRow, values: readonly number[]): number[] {
  const before = row.promptIds.length - 1;
  return values.slice(before, before + row.completionIds.length);
}

/** The same datum with zeros for weights and advantages: its loss is 0 whatever the model's weights. */
export function silenced(datum: Datum): Datum {
  const zeros = Object.fromEntries(
    Object.entries(datum.loss_fn_inputs)
      .filter(([name]) => name === 'weights' || name === 'advantages')
      .map(([name, tensor]) => [name, { ...tensor, data: tensor.data.map(() => 0) }]),
  );
  return { ...datum, loss_fn_inputs: { ...datum.loss_fn_inputs, ...zeros } };
}
