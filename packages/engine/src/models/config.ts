/** A model's configuration, with the same names for Hugging Face folders and GGUF files. */

/** Llama 3's frequency scaling of rotary embeddings (`rope_type: "llama3"`). */
export interface RopeScaling {
  type: 'llama3';
  factor: number;
  lowFrequencyFactor: number;
  highFrequencyFactor: number;
  originalContextLength: number;
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
  rmsNormEpsilon: number;
  /** The unembedding is the embedding; there is no `lm_head.weight`. */
  tieWordEmbeddings: boolean;
  /** Trained instead of the weights, which then do not change. */
  adapter?: Adapter;
}
