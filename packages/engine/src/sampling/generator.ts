/**
 * Continuous batching: sequences of all requests are decoded together; finished ones leave the batch, and waiting ones
 * enter. A prompt and its draft are computed once for all of their samples.
 */
import type { GenerateRequest, Sample } from '../api.js';
import type { ModelConfig } from '../models/config.js';
import { type Int8Set, roundedWeights } from '../models/int8-weights.js';
import type { ParameterSet } from '../models/parameters.js';
import { RecentWeights } from '../models/recent-weights.js';
import { RotaryTables } from '../models/rope.js';
import { CompiledGraph, type RuntimeOptions } from '../runtime/onnx.js';
import { defaultThreads } from '../runtime/threads.js';
import { Batch } from './batch.js';
import { acceptedTokens } from './drafts.js';
import { Endings } from './endings.js';
import { type GraphKind, generationGraph } from './graphs.js';
import { type GenerateCall, layOutSequences } from './sequences.js';
import type { SampledWeights, SamplingPrecision } from './weights.js';

export interface GeneratorOptions extends RuntimeOptions {
  /** Maximum bytes for keys and values; default 1 GiB. */
  cacheBytes?: number;
  /** Maximum bytes for one tokens x vocabulary tensor. */
  logitBytes?: number;
  /** Of the weights and what they are multiplied by; default `float32`. */
  samplingPrecision?: SamplingPrecision;
}

export const DEFAULT_CACHE_BYTES = 2 ** 30;

/** Runs of few rows, whose time goes into weights; reading has so many rows that packing does not matter. */
const PACKED_KINDS: ReadonlySet<GraphKind> = new Set(['step', 'step prefixed', 'head']);

export class Generator {
  readonly #config: ModelConfig;
  readonly #options: GeneratorOptions;
  readonly #graphs = new Map<GraphKind, Promise<CompiledGraph>>();
  /** Graphs with constant weights, and the weights' number. */
  readonly #fixed = { number: -1, graphs: new Map<GraphKind, Promise<CompiledGraph>>() };
  readonly #tables: RotaryTables;
  readonly #endings = new Endings();
  readonly #rounded = new RecentWeights<Int8Set>();

  constructor(config: ModelConfig, options: GeneratorOptions = {}) {
    this.#config = config;
    this.#options = options;
    this.#tables = new RotaryTables(config);
  }

  /**
   * @param of the weights, with another key for weights that are or may be others
   * @param throwIfCancelled called before every run of a graph; an error that it throws ends the call
   * @param fixed a number of these weights if they will not change soon: steps then have them as constants, which the
   *   runtime packs once for its kernels. Weights with another number are packed anew.
   * @param first the number of the first request, if others run elsewhere
   */
  async generate(
    of: { key: string; weights: ParameterSet },
    requests: readonly GenerateRequest[],
    options: GenerateCall,
    throwIfCancelled: () => void = () => {},
    fixed?: number,
    first = 0,
  ): Promise<Sample[][]> {
    const waiting = layOutSequences(this.#config, requests, options, first);
    const results: Sample[][] = requests.map((request) => new Array<Sample>(request.samples ?? 1));
    if (waiting.length === 0) return results;
    if ((fixed ?? -1) !== this.#fixed.number) await this.#forget(fixed);
    const weights: SampledWeights = { parameters: of.weights, rounded: this.#roundedOf(of) };
    const batch = new Batch({
      config: this.#config,
      weights,
      waiting,
      options,
      cacheBytes: this.#options.cacheBytes ?? DEFAULT_CACHE_BYTES,
      logitBytes: this.#options.logitBytes,
      threads: this.#options.threads ?? defaultThreads(),
      tables: this.#tables,
      endings: this.#endings,
      graph: (kind) => this.#graph(kind, PACKED_KINDS.has(kind) && fixed !== undefined ? weights : undefined),
      throwIfCancelled,
    });
    await batch.run((sequence, stopReason) => {
      const { request, sample, tokens, logProbabilities } = sequence;
      const { draft } = requests[request - first];
      const accepted = draft && { acceptedDraft: acceptedTokens(tokens, draft) };
      results[request - first][sample] = { tokens, logProbabilities, stopReason, ...accepted };
    });
    return results;
  }

  #roundedOf({ key, weights }: { key: string; weights: ParameterSet }): Int8Set {
    if (this.#precision === 'float32') return new Map();
    let rounded = this.#rounded.get(key);
    if (!rounded) {
      rounded = roundedWeights(this.#config, weights);
      this.#rounded.add(key, rounded);
    }
    return rounded;
  }

  get #precision(): SamplingPrecision {
    return this.#options.samplingPrecision ?? 'float32';
  }

  #graph(kind: GraphKind, weights: SampledWeights | undefined): Promise<CompiledGraph> {
    const graphs = weights ? this.#fixed.graphs : this.#graphs;
    let graph = graphs.get(kind);
    if (!graph) {
      graph = CompiledGraph.compile(generationGraph(this.#config, kind, this.#precision, weights), this.#options);
      graphs.set(kind, graph);
    }
    return graph;
  }

  /** Releases the graphs of weights that have changed. */
  async #forget(next = -1): Promise<void> {
    this.#fixed.number = next;
    await releaseAll(this.#fixed.graphs);
  }

  async release(): Promise<void> {
    await this.#forget();
    await releaseAll(this.#graphs);
  }
}

async function releaseAll(graphs: Map<GraphKind, Promise<CompiledGraph>>): Promise<void> {
  const compiled = await Promise.all(graphs.values());
  graphs.clear();
  await Promise.all(compiled.map((graph) => graph.release()));
}
