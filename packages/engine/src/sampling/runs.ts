/** Runs the graphs of generation for one call: gives them weights, positions and caches. */
import type { ModelConfig } from '../models/config.js';
import { tokenBias, unembeddingName } from '../models/decoder.js';
import { embed } from '../models/embedding.js';
import { layerParameterShapes, type ParameterSet } from '../models/parameters.js';
import { orderFeeds } from '../models/positions.js';
import type { RotaryTables } from '../models/rope.js';
import { type CompiledGraph, float32, int64, type Tensor } from '../runtime/onnx.js';
import type { Cache } from './cache.js';
import type { GraphKind } from './graphs.js';
import type { GenerateCall } from './sequences.js';

export interface RunInputs {
  config: ModelConfig;
  weights: ParameterSet;
  options: GenerateCall;
  tables: RotaryTables;
  graph: (kind: GraphKind) => Promise<CompiledGraph>;
  /** Called before every run of a graph; an error that it throws ends the call. */
  throwIfCancelled: () => void;
}

/** B x T new tokens. */
export interface NewTokens {
  /** [B x T] */
  ids: Int32Array;
  sequences: number;
  length: number;
  /** The position of each sequence's first new token. [B] */
  starts: readonly number[];
  /** Flat indices of tokens whose successor is predicted. [M] */
  rows: readonly number[];
}

export type Outputs = Record<string, Tensor>;

export class Runs {
  readonly #inputs: RunInputs;
  readonly #constantFeeds: Record<string, Tensor>;

  constructor(inputs: RunInputs) {
    this.#inputs = inputs;
    this.#constantFeeds = constantFeeds(inputs);
  }

  /** Reads pieces of texts. With `cache`, they attend to its slots from `slot` on. */
  read(tokens: NewTokens, cache?: { cache: Cache; slot: number }): Promise<Outputs> {
    return cache
      ? this.#run('continue', { ...this.#tokenFeeds(tokens), ...cacheFeeds(tokens, cache.cache, cache.slot) })
      : this.#run('read', this.#tokenFeeds(tokens));
  }

  /** Reads one token for each of the first slots of the cache; at least two sequences, each with its own row. */
  step(tokens: NewTokens, cache: Cache): Promise<Outputs> {
    const feeds = { ...this.#tokenFeeds(tokens), ...cacheFeeds(tokens, cache, 0) };
    return this.#run('step', { ...feeds, ...this.#temperatureFeeds(tokens.rows.length) });
  }

  /** The distributions after hidden states [hiddenSize] each. [M x V], or more if M is 1. */
  async distributions(hidden: readonly Float32Array[]): Promise<Float32Array> {
    const { hiddenSize } = this.#inputs.config;
    // A single row would use another matrix kernel with different rounding.
    const rows = hidden.length >= 2 ? hidden : [hidden[0], hidden[0]];
    const joined = new Float32Array(rows.length * hiddenSize);
    rows.forEach((row, index) => void joined.set(row, index * hiddenSize));
    const feeds = { 'last hidden': float32(joined, [rows.length, hiddenSize]) };
    const outputs = await this.#run('head', { ...feeds, ...this.#temperatureFeeds(rows.length) });
    return outputs.probabilities.data as Float32Array;
  }

  async #run(kind: GraphKind, feeds: Record<string, Tensor>): Promise<Outputs> {
    this.#inputs.throwIfCancelled();
    const graph = await this.#inputs.graph(kind);
    return graph.run({ ...this.#constantFeeds, ...feeds });
  }

  #tokenFeeds({ ids, sequences, length, starts, rows }: NewTokens): Record<string, Tensor> {
    const { config, tables, weights } = this.#inputs;
    const positions = Array.from(ids, (_, i) => starts[Math.floor(i / length)] + (i % length));
    return {
      hidden: float32(embed(config, weights, ids), [ids.length, config.hiddenSize]),
      positions: int64(positions, [sequences, length]),
      ...orderFeeds(length),
      ...tables.feeds(Math.max(...starts) + length),
      rows: int64(rows, [rows.length]),
    };
  }

  #temperatureFeeds(rows: number): Record<string, Tensor> {
    const { temperature = 1 } = this.#inputs.options;
    const inverse = temperature === 0 ? 1 : 1 / temperature;
    return { inverseTemperature: float32(new Float32Array(rows).fill(inverse), [rows, 1]) };
  }
}

function cacheFeeds({ sequences, starts }: NewTokens, cache: Cache, slot: number): Record<string, Tensor> {
  return {
    ...cache.feeds(slot, sequences),
    'past order': int64(range(cache.capacity), [cache.capacity]),
    'past lengths': int64(starts, [sequences]),
  };
}

/** The inputs that all runs share: weights, and the bias for the logits of masked tokens. */
function constantFeeds({ config, weights, options }: RunInputs): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {};
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [name, shape] of layerParameterShapes(config)) {
      const full = `model.layers.${layer}.${name}`;
      feeds[full] = float32(weights.get(full) as Float32Array, shape);
    }
  }
  const unembedding = unembeddingName(config);
  feeds[unembedding] = float32(weights.get(unembedding) as Float32Array, [config.vocabularySize, config.hiddenSize]);
  feeds['model.norm.weight'] = float32(weights.get('model.norm.weight') as Float32Array, [config.hiddenSize]);
  feeds.tokenBias = float32(tokenBias(config, options.maskedIds ?? []), [config.vocabularySize]);
  return feeds;
}

/** 0 … count - 1 */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
