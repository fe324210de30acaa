/** Runs the graphs of generation for one call: gives them weights, positions and caches. */
import type { ModelConfig } from '../models/config.js';
import { tokenBias } from '../models/decoder.js';
import { embed } from '../models/embedding.js';
import { orderFeeds } from '../models/positions.js';
import type { RotaryTables } from '../models/rope.js';
import { type CompiledGraph, float32, int32, int64, type Tensor } from '../runtime/onnx.js';
import { elementCount } from '../shape.js';
import type { Cache } from './cache.js';
import type { GraphKind } from './graphs.js';
import type { ContinuedPrefixes } from './prefix-slots.js';
import type { GenerateCall } from './sequences.js';
import type { SharedRows } from './shared-rows.js';
import { type SampledWeights, weightFeeds } from './weights.js';

export interface RunInputs {
  config: ModelConfig;
  weights: SampledWeights;
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
  /** The prefixes that the sequences continue: their tokens are not in the sequences' own slots. */
  prefixes?: ContinuedPrefixes;
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
   * Reads the first pieces of texts; what is asked for are places in the rows.
   *
   * @param keys whether to return keys and values
   */
  read(rows: SharedRows, asked: Asked, keys: boolean): Promise<Outputs> {
    const { config, tables, weights } = this.#inputs;
    const { heads, keyValueHeads } = config;
    const { ids, positions, length, tokens } = rows;
    const count = ids.length;
    const sequences = asked.length;
    const starts = new Array<number>(sequences).fill(0);
    const feeds = {
      hidden: float32(embed(config, weights.parameters, ids), [count, config.hiddenSize]),
      positions: int64(positions, [count, 1]),
      ...orderFeeds(length),
      ...tables.feeds(length),
      'query rows': headRows(tokens, sequences, heads),
      'key rows': headRows(tokens, sequences, keyValueHeads),
      'mixed rows': mixedRows(rows, heads),
      ...askingFeeds({ length, starts }, asked),
      asking: int64(
        asked.flatMap((places, row) => places.map((place) => tokens[row * length + place])),
        [asked.length * asked[0].length],
      ),
    };
    return this.#run('read', feeds, keys ? undefined : ['last hidden']);
  }

  /** Reads further pieces, which attend to the slots of the cache from `slot` on. */
  continue(tokens: NewTokens, asked: Asked, cache: Cache, slot: number): Promise<Outputs> {
    const feeds = { ...this.#tokenFeeds(tokens), ...askingFeeds(tokens, asked), ...cacheFeeds(tokens, cache, slot) };
    return this.#run(tokens.prefixes ? 'continue prefixed' : 'continue', feeds);
  }

  /** Reads one token for each of the first slots of the cache; at least two sequences. Outputs as those of `read`. */
  step(tokens: NewTokens, cache: Cache): Promise<Outputs> {
    const feeds = { ...this.#tokenFeeds(tokens), ...cacheFeeds(tokens, cache, 0) };
    const kind = tokens.prefixes ? 'step prefixed' : 'step';
    return this.#run(kind, { ...feeds, ...this.#temperatureFeeds(tokens.sequences) });
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

  async #run(kind: GraphKind, feeds: Record<string, Tensor>, fetches?: readonly string[]): Promise<Outputs> {
    this.#inputs.throwIfCancelled();
    const graph = await this.#inputs.graph(kind);
    return graph.run({ ...this.#constantFeeds, ...feeds }, fetches);
  }

  #tokenFeeds({ ids, sequences, length, starts }: NewTokens): Record<string, Tensor> {
    const { config, tables, weights } = this.#inputs;
    const positions = Array.from(ids, (_, i) => starts[Math.floor(i / length)] + (i % length));
    return {
      hidden: float32(embed(config, weights.parameters, ids), [ids.length, config.hiddenSize]),
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

/** Which of the rows [N x heads] are those of each text's tokens: [B, heads, T]. */
function headRows(tokens: Int32Array, sequences: number, heads: number): Tensor {
  const length = tokens.length / sequences;
  const rows = new Int32Array(tokens.length * heads);
  for (let b = 0, at = 0; b < sequences; b++) {
    for (let head = 0; head < heads; head++) {
      for (let t = 0; t < length; t++) rows[at++] = tokens[b * length + t] * heads + head;
    }
  }
  return int32(rows, [sequences, heads, length]);
}

/** Which of the rows [B x heads x T] are those of each token: [N, heads]. */
function mixedRows({ places, length }: SharedRows, heads: number): Tensor {
  const rows = new Int32Array(places.length * heads);
  places.forEach((place, token) => {
    const first = (place - (place % length)) * heads + (place % length);
    for (let head = 0; head < heads; head++) rows[token * heads + head] = first + head * length;
  });
  return int32(rows, [places.length, heads]);
}

function askingFeeds({ length, starts }: Pick<NewTokens, 'length' | 'starts'>, asked: Asked): Record<string, Tensor> {
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

function cacheFeeds({ sequences, starts, prefixes }: NewTokens, cache: Cache, slot: number): Record<string, Tensor> {
  const own = prefixes ? starts.map((start, row) => start - prefixes.lengths[row]) : starts;
  return {
    ...cache.feeds(slot, sequences),
    'past order': int64(range(cache.capacity), [cache.capacity]),
    'past lengths': int64(own, [sequences]),
    ...prefixes?.feeds(),
  };
}

/** The inputs that all runs share: weights, and the bias for the logits of masked tokens. */
function constantFeeds({ config, weights, options }: RunInputs): Record<string, Tensor> {
  const bias = float32(tokenBias(config, options.maskedIds ?? []), [config.vocabularySize]);
  return { ...weightFeeds(config, weights), tokenBias: bias };
}

/** 0 … count - 1 */
export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
