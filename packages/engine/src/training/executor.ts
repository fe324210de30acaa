/** Runs scoring and training of micro-batches on the graphs of graphs.ts. */
import { totalmem } from 'node:os';
import type { ScoreRow } from '../api.js';
import type { ModelConfig } from '../models/config.js';
import { unembeddingName } from '../models/decoder.js';
import { EMBEDDING, embed, embeddingGradient } from '../models/embedding.js';
import { layerKind } from '../models/layer-kinds.js';
import { addRows, layerParameterShapes, lookUp, type ParameterSet, parameterCount } from '../models/parameters.js';
import { RotaryTables } from '../models/rope.js';
import { CompiledGraph, float32, int64, type RuntimeOptions, type Tensor } from '../runtime/onnx.js';
import type { BatchInputs, Distribution } from './batch-inputs.js';
import { inputLength, type MicroBatch, packRows } from './batches.js';
import type { Gradients } from './gradients.js';
import {
  type AttentionPlan,
  GRADIENT,
  headGraph,
  layerBackwardGraph,
  layerForwardGraph,
  wholeGraph,
} from './graphs.js';
import { positionFeeds } from './position-feeds.js';
import { tokenCosts } from './trees.js';

export interface ExecutorOptions extends RuntimeOptions {
  /**
   * Maximum bytes for the activations of one micro-batch; default: a quarter of the machine's memory, at most 4 GiB.
   */
  activationBytes?: number;
  /** Maximum bytes for one tokens x vocabulary tensor; default 256 MiB. */
  logitBytes?: number;
  /** Maximum number of tokens in a micro-batch, padding included, if memory allows; default 2,048. */
  microBatchTokens?: number;
  /** `layered` recomputes activations layer by layer; default: by the model's size. */
  execution?: 'auto' | 'whole' | 'layered';
  /**
   * Number of pieces into which attention cuts the queries: n pieces cost (n + 1) / 2n of the square. The default
   * depends on the length.
   */
  causalBlocks?: number;
  /** Whether rows that begin with the same tokens share the computing of that prefix; default true. */
  sharePrefixes?: boolean;
  /**
   * Maximum number of tokens of a tree that several rows share (trees.ts); 0 for prefixes only. Default: 160, or the
   * tokens of a call's longest row.
   */
  largestTree?: number;
}

/** Models with more parameters run layer by layer. */
const LARGEST_WHOLE_MODEL = 250e6;

/** Tokens of a micro-batch if threads share them: with smaller ones, all of them end at the same time. */
const LARGEST_SHARED = 1024;

/** Tokens of a tree that several rows share, unless one of the call's rows is longer. */
const LARGEST_TREE = 160;

/**
 * Number of pieces of attention by sequence length, longest first. For short sequences, pieces are not worth their
 * overhead.
 */
const CAUSAL_BLOCKS = [
  { tokens: 256, blocks: 4 },
  { tokens: 48, blocks: 2 },
];

/** The results for each scored token, in the batch's order. [M] each. */
export interface BatchResult {
  logProbabilities: Float32Array;
  entropies: Float32Array;
  /** Token losses before weighting; present only with a loss. */
  losses?: Float32Array;
}

export class Executor {
  readonly #options: ExecutorOptions;
  readonly #graphs = new Map<string, Promise<CompiledGraph>>();
  readonly #tables: RotaryTables;
  readonly #activationBytes: number;
  readonly #logitBytes: number;
  readonly #microBatchTokens: number;
  readonly #layered: boolean;

  constructor(
    readonly config: ModelConfig,
    options: ExecutorOptions = {},
  ) {
    this.#options = options;
    this.#tables = new RotaryTables(config);
    this.#activationBytes = options.activationBytes ?? defaultActivationBytes();
    this.#logitBytes = options.logitBytes ?? 256 * 2 ** 20;
    this.#microBatchTokens = options.microBatchTokens ?? 2048;
    const execution = options.execution ?? 'auto';
    this.#layered = execution === 'layered' || (execution === 'auto' && parameterCount(config) > LARGEST_WHOLE_MODEL);
  }

  /**
   * Micro-batches whose activations and logits stay within the budgets.
   *
   * @param shares number of threads that will run them
   */
  pack(rows: readonly ScoreRow[], shares = 1): MicroBatch[] {
    const { sharePrefixes = true } = this.#options;
    const longest = rows.reduce((length, row) => Math.max(length, inputLength(row)), sharePrefixes ? LARGEST_TREE : 1);
    const fitting = Math.floor(this.#activationBytes / this.#bytesPerToken(longest));
    const budget = {
      tokens: Math.max(1, Math.min(this.#microBatchTokens, fitting, largestShare(rows, shares))),
      // In layered execution, the head runs in its own slices.
      targets: this.#layered ? Number.POSITIVE_INFINITY : this.#headSlice(),
    };
    const sharing = { costs: tokenCosts(this.config), largestTree: this.#options.largestTree ?? longest };
    return packRows(rows, budget, sharePrefixes ? sharing : undefined);
  }

  /** About how long a micro-batch takes, in the unit of `tokenCosts`. */
  costOf({ ids, length, prefixes }: MicroBatch): number {
    const { token, pair } = tokenCosts(this.config);
    return ids.length * (token + (length + (prefixes?.length ?? 0)) * pair);
  }

  /** Scored tokens whose logits stay within the budget. */
  #headSlice(): number {
    return Math.max(1, Math.floor(this.#logitBytes / (4 * this.config.vocabularySize)));
  }

  /** Estimated bytes of activations that a backward pass keeps for each token of a sequence of `length`. */
  #bytesPerToken(length: number): number {
    const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize, layers } = this.config;
    // Hidden states and norms, the gated unit's parts, heads before and after rotation, attention's probabilities and
    // their gradient.
    const layer =
      8 * hiddenSize + 6 * intermediateSize + (5 * heads + 6 * keyValueHeads) * headSize + 2 * heads * length;
    return 4 * (this.#layered ? layer + layers * hiddenSize : layer * layers);
  }

  #planOf(batch: MicroBatch): AttentionPlan {
    const layout = batch.prefixes ? 'prefixes' : batch.trees ? 'trees' : 'sequences';
    const length = batch.prefixes?.length ?? batch.length;
    const wanted = this.#options.causalBlocks ?? CAUSAL_BLOCKS.find(({ tokens }) => length >= tokens)?.blocks ?? 1;
    return { layout, blocks: wanted <= length ? wanted : 1 };
  }

  #graph(key: string, build: () => Parameters<typeof CompiledGraph.compile>[0]): Promise<CompiledGraph> {
    let compiled = this.#graphs.get(key);
    if (!compiled) {
      compiled = CompiledGraph.compile(build(), this.#options);
      this.#graphs.set(key, compiled);
    }
    return compiled;
  }

  /**
   * Scores a micro-batch; with a loss, also adds the gradient of the weighted loss to `gradients`.
   * `throwIfCancelled` is called between the parts of a long run; an error that it throws ends the run.
   */
  async run(
    weights: ParameterSet,
    inputs: BatchInputs,
    gradients: Gradients,
    throwIfCancelled: () => void = () => {},
  ): Promise<BatchResult> {
    const { ids } = inputs.batch;
    const width = this.config.hiddenSize;
    const hidden = embed(this.config, weights, ids);
    const run = this.#layered ? this.#runLayered : this.#runWhole;
    const { result, hiddenGradient } = await run.call(this, weights, inputs, hidden, gradients, throwIfCancelled);
    if (hiddenGradient && !this.config.adapter) {
      const size = this.config.vocabularySize * width;
      gradients.addRows(EMBEDDING, size, ids, embeddingGradient(this.config, hiddenGradient), width);
    }
    return result;
  }

  async #runWhole(
    weights: ParameterSet,
    { batch, distribution, loss }: BatchInputs,
    hidden: Float32Array,
    gradients: Gradients,
  ) {
    const kind = loss?.kind;
    const masked = distribution.tokenBias !== undefined;
    const plan = this.#planOf(batch);
    const graph = await this.#graph(`whole ${kind} ${JSON.stringify(plan)} ${masked}`, () =>
      wholeGraph(this.config, kind, plan, masked),
    );
    const feeds: Record<string, Tensor> = {
      hidden: float32(hidden, [batch.ids.length, this.config.hiddenSize]),
      rows: int64(batch.rows, [batch.rows.length]),
      ...this.#positionFeeds(batch, plan),
      ...this.#headFeeds(weights, batch.targets, distribution),
      ...loss?.feeds,
    };
    for (let layer = 0; layer < this.config.layers; layer++) {
      const prefix = `model.layers.${layer}.`;
      Object.assign(feeds, this.#layerFeeds(weights, layer, prefix));
    }
    const outputs = await graph.run(feeds);
    if (loss) addGradients(gradients, outputs, '');
    return {
      result: batchResult(outputs),
      hiddenGradient: outputs[`${GRADIENT}hidden`]?.data as Float32Array | undefined,
    };
  }

  async #runLayered(
    weights: ParameterSet,
    inputs: BatchInputs,
    embedded: Float32Array,
    gradients: Gradients,
    throwIfCancelled: () => void,
  ) {
    const { batch, loss } = inputs;
    const { layers, hiddenSize: width } = this.config;
    const dims = [batch.ids.length, width];
    const plan = this.#planOf(batch);
    const positions = this.#positionFeeds(batch, plan);
    const graphOf = (direction: 'forward' | 'backward', layer: number) => {
      const kind = layerKind(this.config, layer);
      const build = direction === 'forward' ? layerForwardGraph : layerBackwardGraph;
      const key = `layer ${direction} ${JSON.stringify({ plan, kind })}`;
      return this.#graph(key, () => build(this.config, plan, kind));
    };
    // The layers' inputs, kept for the backward pass, which recomputes the inside of each layer.
    const kept: Float32Array[] = [];
    let hidden: Float32Array = embedded;
    for (let layer = 0; layer < layers; layer++) {
      throwIfCancelled();
      if (loss) kept.push(hidden);
      const feeds = { hidden: float32(hidden, dims), ...positions, ...this.#layerFeeds(weights, layer, '') };
      hidden = (await (await graphOf('forward', layer)).run(feeds)).output.data as Float32Array;
    }

    const { result, gradient } = await this.#runHead(weights, inputs, hidden, gradients, throwIfCancelled);
    if (!loss) return { result, hiddenGradient: undefined };

    let hiddenGradient: Float32Array = gradient;
    for (let layer = layers - 1; layer >= 0; layer--) {
      throwIfCancelled();
      const outputs = await (await graphOf('backward', layer)).run({
        hidden: float32(kept.pop() as Float32Array, dims),
        [`${GRADIENT}output`]: float32(hiddenGradient, dims),
        ...positions,
        ...this.#layerFeeds(weights, layer, ''),
      });
      addGradients(gradients, outputs, `model.layers.${layer}.`);
      hiddenGradient = outputs[`${GRADIENT}hidden`].data as Float32Array;
    }
    return { result, hiddenGradient };
  }

  /** Runs the head on slices of scored tokens. Also returns the gradient of all hidden states, [N, hiddenSize]. */
  async #runHead(
    weights: ParameterSet,
    { batch, distribution, loss }: BatchInputs,
    hidden: Float32Array,
    gradients: Gradients,
    throwIfCancelled: () => void,
  ) {
    const width = this.config.hiddenSize;
    const count = batch.targets.length;
    const kind = loss?.kind;
    const masked = distribution.tokenBias !== undefined;
    const graph = await this.#graph(`head ${kind} ${masked}`, () => headGraph(this.config, kind, masked));
    const result: BatchResult = {
      logProbabilities: new Float32Array(count),
      entropies: new Float32Array(count),
      losses: loss ? new Float32Array(count) : undefined,
    };
    const gradient = new Float32Array(loss ? hidden.length : 0);
    const slice = this.#headSlice();
    for (let start = 0; start < count; start += slice) {
      throwIfCancelled();
      const end = Math.min(count, start + slice);
      const taken = Int32Array.from(batch.rows.slice(start, end));
      const feeds: Record<string, Tensor> = {
        hidden: float32(lookUp(hidden, taken, width), [taken.length, width]),
        ...this.#headFeeds(weights, batch.targets.slice(start, end), distribution),
      };
      for (const [name, tensor] of Object.entries(loss?.feeds ?? {})) {
        // All slices share the scalars; [M] inputs are sliced.
        feeds[name] =
          tensor.dims.length === 0
            ? tensor
            : float32((tensor.data as Float32Array).subarray(start, end), [end - start]);
      }
      const outputs = await graph.run(feeds);
      const part = batchResult(outputs);
      result.logProbabilities.set(part.logProbabilities, start);
      result.entropies.set(part.entropies, start);
      if (!loss) continue;
      if (part.losses) result.losses?.set(part.losses, start);
      addGradients(gradients, outputs, '');
      addRows(gradient, taken, outputs[`${GRADIENT}hidden`].data as Float32Array, width);
    }
    return { result, gradient };
  }

  #positionFeeds(batch: MicroBatch, plan: AttentionPlan): Record<string, Tensor> {
    const tables = this.#tables.feeds(batch.length + (batch.prefixes?.length ?? 0));
    return { ...positionFeeds(this.config, batch, plan.blocks), ...tables };
  }

  #layerFeeds(weights: ParameterSet, layer: number, prefix: string): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = {};
    for (const [name, shape] of layerParameterShapes(this.config)) {
      feeds[`${prefix}${name}`] = float32(weights.get(`model.layers.${layer}.${name}`) as Float32Array, shape);
    }
    return feeds;
  }

  #headFeeds(
    weights: ParameterSet,
    targets: readonly number[],
    { temperature, tokenBias }: Distribution,
  ): Record<string, Tensor> {
    const { hiddenSize, vocabularySize } = this.config;
    const unembedding = unembeddingName(this.config);
    return {
      'model.norm.weight': float32(weights.get('model.norm.weight') as Float32Array, [hiddenSize]),
      [unembedding]: float32(weights.get(unembedding) as Float32Array, [vocabularySize, hiddenSize]),
      targets: int64(targets, [targets.length]),
      inverseTemperature: float32(Float32Array.of(1 / temperature), []),
      ...(tokenBias && { tokenBias: float32(tokenBias, [vocabularySize]) }),
    };
  }

  async release(): Promise<void> {
    const compiled = await Promise.all(this.#graphs.values());
    this.#graphs.clear();
    await Promise.all(compiled.map((graph) => graph.release()));
  }
}

export function defaultActivationBytes(): number {
  return Math.min(4 * 2 ** 30, totalmem() / 4);
}

/** Tokens of a micro-batch for which some are left for each of `shares` threads. */
function largestShare(rows: readonly ScoreRow[], shares: number): number {
  if (shares === 1) return Number.POSITIVE_INFINITY;
  const tokens = rows.reduce((sum, row) => sum + inputLength(row), 0);
  return Math.min(LARGEST_SHARED, Math.ceil(tokens / shares));
}

function batchResult(outputs: Record<string, Tensor>): BatchResult {
  return {
    logProbabilities: outputs.logProbabilities.data as Float32Array,
    entropies: outputs.entropies.data as Float32Array,
    losses: outputs.losses?.data as Float32Array | undefined,
  };
}

/** Adds the parameter gradients among a graph's outputs to the accumulated ones. */
function addGradients(gradients: Gradients, outputs: Record<string, Tensor>, prefix: string): void {
  for (const [name, tensor] of Object.entries(outputs)) {
    // `hidden` is not a parameter.
    if (!name.startsWith(GRADIENT) || name === `${GRADIENT}hidden`) continue;
    gradients.add(`${prefix}${name.slice(GRADIENT.length)}`, tensor.data as Float32Array);
  }
}
