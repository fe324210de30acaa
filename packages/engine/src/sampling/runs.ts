/** Runs the graphs of generation for one call: gives them weights, positions and caches. */
import type { ModelConfig } from '../models/config.js';
import { tokenBias, unembeddingName } from '../models/decoder.js';
import { embed } from '../models/embedding.js';
import { layerParameterShapes, type ParameterSet } from '../models/parameters.js';
import { orderFeeds } from '../models/positions.js';
import type { RotaryTables } from '../models/rope.js';
import { type CompiledGraph, float32, int64, type Tensor } from '../runtime/onnx.js';
import { elementCount } from '../shape.js';
import type { Cache } from './cache.js';
import type { GraphKind } from './graphs.js';
import type { Scratch } from './scratch.js';
import type { GenerateCall } from './sequences.js';

export interface RunInputs {
  config: ModelConfig;
  weights: ParameterSet;
  options: GenerateCall;
  tables: RotaryTables;
  graph: (kind: GraphKind) => Promise<CompiledGraph>;
  scratch: Scratch;
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
}

/** Tokens of each sequence whose successor is predicted, as places among its new tokens: W of each. [B][W] */
export type Asked = readonly (readonly number[])[];

export type Outputs = Record<string, Tensor>;

export class Runs {
  readonly #inputs: RunInputs;
  readonly #constantFeeds: Record<string, Tensor>;

  constructor(inputs: RunInputs) {
    this.#inputs = inputs;
    this.#constantFeeds = constantFeeds(inputs);
  }

  /**
   * Reads pieces of texts. With `cache`, they attend to its slots from `slot` on. The outputs are there until the next
   * run.
   */
  read(tokens: NewTokens, asked: Asked, cache?: { cache: Cache; slot: number }): Promise<Outputs> {
    const feeds = { ...this.#tokenFeeds(tokens), ...askingFeeds(tokens, asked) };
    const places = this.#places(tokens);
    return cache
      ? this.#run('continue', { ...feeds, ...cacheFeeds(tokens, cache.cache, cache.slot) }, places)
      : this.#run('read', feeds, places);
  }

  /** Reads one token for each of the first slots of the cache; at least two sequences. Outputs as those of `read`. */
  step(tokens: NewTokens, cache: Cache): Promise<Outputs> {
    const feeds = { ...this.#tokenFeeds(tokens), ...cacheFeeds(tokens, cache, 0) };
    return this.#run('step', { ...feeds, ...this.#temperatureFeeds(tokens.sequences) }, this.#places(tokens));
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

  async #run(kind: GraphKind, feeds: Record<string, Tensor>, places?: Record<string, Tensor>): Promise<Outputs> {
    this.#inputs.throwIfCancelled();
    const graph = await this.#inputs.graph(kind);
    return graph.run({ ...this.#constantFeeds, ...feeds }, undefined, places);
  }

  /** Memory for the new keys and values. */
  #places({ sequences, length }: NewTokens): Record<string, Tensor> {
    const { layers, keyValueHeads, headSize } = this.#inputs.config;
    const dims = [sequences, keyValueHeads, length, headSize];
    const places: Record<string, Tensor> = {};
    for (let layer = 0; layer < layers; layer++) {
      for (const name of [`new keys ${layer}`, `new values ${layer}`]) {
        places[name] = float32(this.#inputs.scratch.take(name, elementCount(dims)), dims);
      }
    }
    return places;
  }

  #tokenFeeds({ ids, sequences, length, starts }: NewTokens): Record<string, Tensor> {
    const { config, tables, weights } = this.#inputs;
    const positions = Array.from(ids, (_, i) => starts[Math.floor(i / length)] + (i % length));
    return {
      hidden: float32(embed(config, weights, ids), [ids.length, config.hiddenSize]),
      positions: int64(positions, [sequences, length]),
      ...orderFeeds(length),
      ...tables.feeds(Math.max(...starts) + length),
    };
  }

  #temperatureFeeds(rows: number): Record<string, Tensor> {
    const { temperature = 1 } = this.#inputs.options;
    const inverse = temperature === 0 ? 1 : 1 / temperature;
    return { inverseTemperature: float32(new Float32Array(rows).fill(inverse), [rows, 1]) };
  }
}

function askingFeeds({ length, starts }: NewTokens, asked: Asked): Record<string, Tensor> {
  const dims = [asked.length, asked[0].length];
  const numbers = (of: (place: number, sequence: number) => number) =>
    asked.flatMap((places, sequence) => places.map((place) => of(place, sequence)));
  return {
    asking: int64(
      numbers((place, sequence) => sequence * length + place),
      [elementCount(dims)],
    ),
    'asking positions': int64(
      numbers((place, sequence) => starts[sequence] + place),
      dims,
    ),
    'asking places': int64(
      numbers((place) => place),
      dims,
    ),
  };
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
