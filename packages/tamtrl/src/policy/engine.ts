/**
 * The types that local policies use from @tamtrl/engine, written out here so that programs type-check without it.
 * types.test.ts checks that these types equal the engine's.
 */
import type {
  ForwardBackwardOptions,
  ForwardBackwardResult,
  GenerateOptions,
  GenerateRequest,
  OptimStepOptions,
  OptimStepResult,
  Sample,
  ScoredRow,
  ScoreOptions,
  ScoreRow,
  TrainingRow,
} from './types.js';

/** Shape of a decoder. Sizes are numbers of elements. */
export interface ModelConfig {
  architecture: string;
  vocabularySize: number;
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  /** Query heads; a multiple of `keyValueHeads` (grouped-query attention). */
  heads: number;
  keyValueHeads: number;
  headSize: number;
  /** Longest sequence, prompt and completion together, in tokens. */
  contextLength: number;
  ropeTheta: number;
  /** Llama 3's frequency scaling of rotary embeddings. */
  ropeScaling?: {
    type: 'llama3';
    factor: number;
    lowFrequencyFactor: number;
    highFrequencyFactor: number;
    originalContextLength: number;
  };
  /** Layers, by number from 0, whose tokens attend to the last `tokens` tokens alone. */
  slidingWindow?: { tokens: number; layers: readonly number[]; ropeTheta: number };
  /** Layers that do not rotate queries and keys, by number from 0. */
  unrotatedLayers?: readonly number[];
  /** Attention's scores are divided by its square root; default: the head size. */
  queryScalar?: number;
  rmsNormEpsilon: number;
  /** The unembedding is the embedding; there is no `lm_head.weight`. */
  tieWordEmbeddings: boolean;
  /** Low-rank adapter of the layers' projections, trained instead of the weights, which then do not change. */
  adapter?: {
    rank: number;
    /** The adapter's product is scaled by alpha / rank. */
    alpha: number;
    /** Adapted projections, such as `q_proj`. */
    targets: readonly string[];
  };
}

/** A new adapter, or a saved one. */
export type AdapterOptions = {
  /** How saved adapters name their base; default: the model's path. */
  base?: string;
} & (
  | {
      rank: number;
      /** Default: twice the rank. */
      alpha?: number;
      /** Projections to adapt, such as `q_proj`; default: all of a layer's. */
      targets?: readonly string[];
      /** Seed of the random A; default 0. */
      seed?: number;
      path?: undefined;
    }
  | {
      /** A folder in PEFT's format, made for this model. */
      path: string;
      rank?: undefined;
    }
);

/**
 * A model folder in Hugging Face's layout, a GGUF file, a folder with an adapter that names its base, or a shape to
 * fill with random weights.
 */
export type LocalModel =
  | string
  | {
      config: ModelConfig;
      seed: number;
      standardDeviation?: number;
      /** Contents of the files to write next to the weights, by name. */
      files?: Record<string, Uint8Array>;
    };

/** Threads, memory and similar options. */
export interface EngineSettings {
  /** Number of threads for one operator; default: `TAMTRL_THREADS`, or the machine's cores. */
  threads?: number;
  /** Maximum bytes for keys and values; default 1 GiB. */
  cacheBytes?: number;
  /**
   * Maximum bytes for the activations of one micro-batch; default: a quarter of the machine's memory, at most 4 GiB.
   */
  activationBytes?: number;
  /** Maximum bytes for one tokens x vocabulary tensor; default 256 MiB. */
  logitBytes?: number;
  /** Maximum number of tokens in a micro-batch, padding included, if memory allows; default 4,096. */
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
   * Maximum number of tokens of a tree that several rows share; 0 for prefixes only. Default: 160, or the tokens of a
   * call's longest row.
   */
  largestTree?: number;
  /** Of the weights in sampling, and of what they are multiplied by; default `float32`. */
  samplingPrecision?: 'float32' | 'int8';
  /** Trains a low-rank adapter (LoRA) instead of the weights: a new one, or a saved one. */
  adapter?: AdapterOptions;
}

/** A loaded model with its optimiser, in a worker thread. Calls are queued and run one after another. */
export interface Engine {
  /** With the shape of the adapter, if there is one. */
  readonly config: ModelConfig;
  /** Of the model, without the adapter's. */
  readonly parameters: number;
  /** The adapter's, or all. */
  readonly trainedParameters: number;
  /**
   * Contents of the model's other files (tokenizer.json, tokenizer_config.json and so on), by name. For a GGUF file
   * they are made from its metadata.
   */
  readonly files: ReadonlyMap<string, Uint8Array>;
  generate(requests: readonly GenerateRequest[], options: GenerateOptions): Promise<Sample[][]>;
  score(rows: readonly ScoreRow[], options?: ScoreOptions): Promise<ScoredRow[]>;
  forwardBackward(rows: readonly TrainingRow[], options: ForwardBackwardOptions): Promise<ForwardBackwardResult>;
  optimStep(options: OptimStepOptions): Promise<OptimStepResult>;
  zeroGradients(): Promise<void>;
  snapshot(name: string): Promise<void>;
  blendSnapshot(name: string, decay: number): Promise<void>;
  dropSnapshot(name: string): Promise<void>;
  save(folder: string): Promise<void>;
  load(folder: string): Promise<void>;
  exportModel(folder: string, options?: { dtype?: 'F32' | 'BF16' | 'F16' }): Promise<void>;
  exportAdapter(folder: string): Promise<void>;
  close(): Promise<void>;
}
