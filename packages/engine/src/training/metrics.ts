/** The metrics that a training step reports about its tokens. */
import type { CrossEntropyLoss, ForwardBackwardResult, PolicyGradientLoss } from '../api.js';
import { LARGEST_DIFFERENCE } from './loss.js';

/** Adds up per-token values over micro-batches. */
export class MetricSums {
  readonly #options: PolicyGradientLoss | CrossEntropyLoss;
  #tokens = 0;
  #loss = 0;
  #entropy = 0;
  #clipped = 0;
  #ratio = 0;
  #ratioMax = 0;
  #kl = 0;
  #approximateKl = 0;

  constructor(options: PolicyGradientLoss | CrossEntropyLoss) {
    this.#options = options;
  }

  /**
   * Arrays are [M]: log-probability, entropy, loss and loss weight of each token, and the inputs of the policy
   * gradient.
   */
  add(
    logProbabilities: Float32Array,
    entropies: Float32Array,
    losses: Float32Array,
    lossWeights: Float32Array,
    given?: { advantages: Float32Array; old: Float32Array; reference?: Float32Array },
  ): void {
    this.#tokens += logProbabilities.length;
    for (let i = 0; i < logProbabilities.length; i++) {
      this.#loss += losses[i] * lossWeights[i];
      this.#entropy += entropies[i];
      if (this.#options.kind === 'cross-entropy' || !given) continue;
      const ratio = Math.exp(limited(logProbabilities[i] - given.old[i]));
      const advantage = given.advantages[i];
      const clipped = Math.min(Math.max(ratio, 1 - this.#options.clipLow), 1 + this.#options.clipHigh);
      if (clipped * advantage < ratio * advantage) this.#clipped++;
      this.#ratio += ratio;
      this.#ratioMax = Math.max(this.#ratioMax, ratio);
      this.#approximateKl += given.old[i] - logProbabilities[i];
      if (given.reference) {
        const difference = limited(given.reference[i] - logProbabilities[i]);
        this.#kl += Math.exp(difference) - difference - 1;
      }
    }
  }

  result(): { loss: number; metrics: Omit<ForwardBackwardResult['metrics'], 'totalTokens' | 'microBatches'> } {
    const mean = (sum: number) => (this.#tokens > 0 ? sum / this.#tokens : 0);
    return {
      loss: this.#loss,
      metrics: {
        tokens: this.#tokens,
        entropy: mean(this.#entropy),
        clipFraction: mean(this.#clipped),
        ratioMean: this.#options.kind === 'policy-gradient' ? mean(this.#ratio) : 1,
        ratioMax: this.#options.kind === 'policy-gradient' ? this.#ratioMax : 1,
        kl: mean(this.#kl),
        approximateKl: mean(this.#approximateKl),
      },
    };
  }
}

/** As in the loss: the exponential of a larger difference could overflow, and would be no number in a file. */
function limited(difference: number): number {
  return Math.min(LARGEST_DIFFERENCE, Math.max(-LARGEST_DIFFERENCE, difference));
}
