/** A model's configuration, with the same names for Hugging Face folders and GGUF files. */

/** Llama 3's frequency scaling of rotary embeddings (`rope_type: "llama3"`). */
export interface RopeScaling {
  type: 'llama3';
  factor: number;
  lowFrequencyFactor: number;
  highFrequencyFactor: number;
  originalContextLength: number;
}

/** Layers whose tokens attend to the last few tokens alone. */
export interface SlidingWindow {
  /** Number of tokens that a token attends to, itself included. */
  tokens: number;
  /** The layers, by number from 0; all others attend to every token before. */
  layers: readonly number[];
  /** Base of the rotary frequencies of these layers, which are not scaled. */
  ropeTheta: number;
}

/** A low-rank adapter of the layers' projections; see adapter.ts. */
export interface Adapter {
  rank: number;
  /** The adapter's product is scaled by alpha / rank. */
  alpha: number;
  /** Adapted projections, such as `q_proj`, in the order of the forward pass. */
  targets: readonly string[];
}

export interface ModelConfig {
  /** Name of the model's family, such as `llama` or `qwen3`; architectures/ describes each of them. */
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
  ropeScaling?: RopeScaling;
  slidingWindow?: SlidingWindow;
  /** Layers that do not rotate queries and keys, by number from 0. */
  unrotatedLayers?: readonly number[];
  /** Attention's scores are divided by its square root; default: the head size. */
  queryScalar?: number;
  rmsNormEpsilon: number;
  /** The unembedding is the embedding; there is no `lm_head.weight`. */
  tieWordEmbeddings: boolean;
  /** Trained instead of the weights, which then do not change. */
  adapter?: Adapter;
}
