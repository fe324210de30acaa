/** Losses of tokens, as graph pieces. */

import type { CrossEntropyLoss, PolicyGradientLoss } from '../api.js';
import type { Graph, Value } from '../graph/graph.js';
import {
  add,
  exp,
  less,
  maximum,
  minimum,
  multiply,
  negate,
  scalarLike,
  subtract,
  where,
} from '../graph/ops/elementwise.js';
import { float32, type Tensor } from '../runtime/onnx.js';

/** With an entropy bonus, the graph has the gradient of the entropy too, which costs a pass over the logits. */
export type LossKind = 'cross-entropy' | 'policy-gradient' | 'policy-gradient-entropy';

export function lossKind(loss: PolicyGradientLoss | CrossEntropyLoss): LossKind {
  if (loss.kind === 'cross-entropy') return loss.kind;
  return (loss.entropyCoefficient ?? 0) > 0 ? 'policy-gradient-entropy' : 'policy-gradient';
}

/** Means "no dual clip": larger than any ratio that float32 training survives, small enough not to overflow. */
const NO_DUAL_CLIP = 1e20;

/**
 * Largest difference of log-probabilities that is taken at its word (as verl does): exp(20) is beyond every clip, and
 * the exponential of a larger one, from a sampler that disagrees, could overflow.
 */
export const LARGEST_DIFFERENCE = 20;

/** The numbers of a loss as graph inputs, so that one compiled graph serves every setting. */
export function lossFeeds(loss: PolicyGradientLoss | CrossEntropyLoss): Record<string, Tensor> {
  if (loss.kind === 'cross-entropy') return {};
  const scalar = (value: number) => float32(Float32Array.of(value), []);
  return {
    lowestRatio: scalar(1 - loss.clipLow),
    highestRatio: scalar(1 + loss.clipHigh),
    dualClip: scalar(loss.dualClip ?? NO_DUAL_CLIP),
    klCoefficient: scalar(loss.klCoefficient ?? 0),
    ...(lossKind(loss) === 'policy-gradient-entropy' && {
      entropyCoefficient: scalar(loss.entropyCoefficient ?? 0),
    }),
  };
}

/** Names of the [M] inputs that a loss needs in addition to the loss weights. */
export function lossRowInputs(kind: LossKind): ('advantages' | 'oldLogProbabilities' | 'referenceLogProbabilities')[] {
  return kind === 'cross-entropy' ? [] : ['advantages', 'oldLogProbabilities', 'referenceLogProbabilities'];
}

/**
 * Loss of each token, [M]; see `PolicyGradientLoss` in api.ts for the formula. Declares the inputs that it needs.
 * `logProbability` and `entropy` are [M].
 */
export function tokenLoss(graph: Graph, kind: LossKind, logProbability: Value, entropy: Value): Value {
  if (kind === 'cross-entropy') return negate(logProbability);
  const [advantage, old, reference] = lossRowInputs(kind).map((name) => graph.input(name, 'float32', ['M']));
  const [lowest, highest, dual, klCoefficient] = ['lowestRatio', 'highestRatio', 'dualClip', 'klCoefficient'].map(
    (name) => graph.input(name, 'float32', []),
  );
  const ratio = exp(limited(subtract(logProbability, old)));
  const clipped = minimum(maximum(ratio, lowest), highest);
  const pessimistic = maximum(negate(multiply(ratio, advantage)), negate(multiply(clipped, advantage)));
  const bounded = minimum(pessimistic, negate(multiply(dual, advantage)));
  const policy = where(less(advantage, scalarLike(advantage, 0)), bounded, pessimistic);
  const difference = limited(subtract(reference, logProbability));
  const kl = subtract(subtract(exp(difference), difference), scalarLike(difference, 1));
  const loss = add(policy, multiply(klCoefficient, kl));
  if (kind === 'policy-gradient') return loss;
  return subtract(loss, multiply(graph.input('entropyCoefficient', 'float32', []), entropy));
}

function limited(difference: Value): Value {
  const bound = (value: number) => scalarLike(difference, value);
  return minimum(maximum(difference, bound(-LARGEST_DIFFERENCE)), bound(LARGEST_DIFFERENCE));
}
