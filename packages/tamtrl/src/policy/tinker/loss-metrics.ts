/** Computes the metrics that the engine would report of an update from the log-probabilities that a server returns. */
import type { CrossEntropyLoss, ForwardBackwardResult, PolicyGradientLoss, TrainingRow } from '../types.js';
import { limited } from './datum.js';

/** Loss and metrics as in `ForwardBackwardResult`; entropies are unknown. */
export function lossMetrics(
  rows: readonly TrainingRow[],
  logProbabilities: readonly (readonly number[])[],
  weights: readonly (readonly number[])[],
  loss: PolicyGradientLoss | CrossEntropyLoss,
): Omit<ForwardBackwardResult, 'logProbabilities'> {
  let sum = 0;
  let tokens = 0;
  let totalTokens = 0;
  let clipped = 0;
  let ratios = 0;
  let ratioMax = 0;
  let approximateKl = 0;
  let kl = 0;
  rows.forEach((row, at) => {
    totalTokens += row.promptIds.length + row.completionIds.length;
    logProbabilities[at].forEach((now, token) => {
      tokens++;
      if (loss.kind === 'cross-entropy') {
        sum -= weights[at][token] * now;
        return;
      }
      const old = row.oldLogProbabilities?.[token] ?? now;
      const advantage = row.advantages?.[token] ?? 0;
      const ratio = Math.exp(limited(now - old));
      const plain = ratio * advantage;
      const bounded = Math.min(1 + loss.clipHigh, Math.max(1 - loss.clipLow, ratio)) * advantage;
      // The k3 estimate, as in the engine's loss.
      const distance = row.referenceLogProbabilities ? limited(row.referenceLogProbabilities[token] - now) : 0;
      const k3 = Math.exp(distance) - distance - 1;
      kl += k3;
      sum += weights[at][token] * ((loss.klCoefficient ?? 0) * k3 - Math.min(plain, bounded));
      if (bounded < plain) clipped++;
      ratios += ratio;
      ratioMax = Math.max(ratioMax, ratio);
      approximateKl += old - now;
    });
  });
  const mean = (value: number) => (tokens === 0 ? 0 : value / tokens);
  return {
    loss: sum,
    metrics: {
      tokens,
      totalTokens,
      entropy: Number.NaN,
      clipFraction: mean(clipped),
      ratioMean: mean(ratios),
      ratioMax,
      kl: mean(kl),
      approximateKl: mean(approximateKl),
      microBatches: 1,
    },
  };
}
