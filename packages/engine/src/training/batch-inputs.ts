/** What a run of a micro-batch takes beside weights: plain data, so that another thread may run it. */
import type { CrossEntropyLoss, PolicyGradientLoss, TrainingRow } from '../api.js';
import { float32, type Tensor } from '../runtime/onnx.js';
import { gatherTokens, type MicroBatch } from './batches.js';
import { type LossKind, lossFeeds, lossKind, lossRowInputs } from './loss.js';

export interface BatchLoss {
  loss: PolicyGradientLoss | CrossEntropyLoss;
  /** Loss weight of the tokens of rows without loss weights. */
  defaultLossWeight: number;
}

/** The distribution behind log-probabilities: softmax(logits / temperature + tokenBias). */
export interface Distribution {
  temperature: number;
  /** [V] */
  tokenBias?: Float32Array;
}

export interface BatchInputs {
  batch: MicroBatch;
  distribution: Distribution;
  /** Of training: which graph, and what it takes about the loss. */
  loss?: { kind: LossKind; feeds: Record<string, Tensor> };
}

export function batchInputs(
  rows: readonly TrainingRow[],
  batch: MicroBatch,
  distribution: Distribution,
  training?: BatchLoss,
): BatchInputs {
  if (!training) return { batch, distribution };
  const kind = lossKind(training.loss);
  const tokens = (numbers: (row: TrainingRow) => readonly number[] | number) =>
    float32(gatherTokens(rows, batch, numbers), [batch.targets.length]);
  const feeds = lossFeeds(training.loss);
  feeds.lossWeights = tokens((row) => row.lossWeights ?? training.defaultLossWeight);
  for (const name of lossRowInputs(kind)) {
    // Without a reference, the KL coefficient is 0, and the old log-probabilities fill the input.
    feeds[name] = tokens((row) => row[name] ?? row.oldLogProbabilities ?? 0);
  }
  return { batch, distribution, loss: { kind, feeds } };
}
