/** The embedding of tokens, which is looked up outside of the graphs, and its gradient. */
import { featuresOf } from './architectures/index.js';
import type { ModelConfig } from './config.js';
import { lookUp, type ParameterSet } from './parameters.js';

export const EMBEDDING = 'model.embed_tokens.weight';

/** The hidden states of tokens before the first layer: [ids.length, hiddenSize]. */
export function embed(config: ModelConfig, weights: Pick<ParameterSet, 'get'>, ids: Int32Array): Float32Array {
  return scaled(config, lookUp(weights.get(EMBEDDING) as Float32Array, ids, config.hiddenSize));
}

/**
 * The gradient of the embedding's rows from that of the hidden states, [N, hiddenSize]; it is changed in place.
 */
export function embeddingGradient(config: ModelConfig, hiddenGradient: Float32Array): Float32Array {
  return scaled(config, hiddenGradient);
}

/** Times sqrt(hiddenSize), in place, where the family scales its embedding. */
function scaled(config: ModelConfig, rows: Float32Array): Float32Array {
  if (!featuresOf(config).scaledEmbedding) return rows;
  const factor = Math.fround(Math.sqrt(config.hiddenSize));
  for (let i = 0; i < rows.length; i++) rows[i] *= factor;
  return rows;
}
