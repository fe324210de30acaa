/** The description of a family of models. Each family has one file in this folder. */
import type { ModelConfig } from '../config.js';
import type { Fields } from '../config-fields.js';

/**
 * Features of a family beyond those that all families share; a family names those that it has. decoder.ts, embedding.ts
 * and parameters.ts build models from them.
 */
export interface Features {
  /** Each query and key head is normalised (`self_attn.q_norm`, `self_attn.k_norm`) before it is rotated. */
  queryKeyNorm?: boolean;
  /** The projections to queries, keys and values add a bias (`self_attn.q_proj.bias` and so on). */
  attentionBias?: boolean;
  /**
   * What attention and the gated unit return is normalised before it is added to the hidden states. The norm before the
   * gated unit is then `pre_feedforward_layernorm`, and `post_attention_layernorm` is the one after attention.
   */
  outputNorms?: boolean;
  /** Norms multiply by 1 + weight. GGUF files store the sum. */
  normsAroundOne?: boolean;
  /** The function of the gated unit (arXiv 2002.05202); default: SiLU. */
  activation?: 'silu' | 'gelu-tanh';
  /** Embeddings are multiplied by the square root of the hidden size. */
  scaledEmbedding?: boolean;
}

export interface Architecture {
  /** The name in `ModelConfig.architecture`, which is also the `model_type` of a config.json. */
  readonly name: string;
  /**
   * The features of a model's layers. A feature that differs between models of the family is a field of their
   * configuration.
   */
  features(config: ModelConfig): Features;
  readonly configJson: ConfigJsonForm;
  readonly gguf: GgufForm;
}

/** A family in a Hugging Face folder. Settings that all families share are read and written by parse-config.ts. */
export interface ConfigJsonForm {
  /** Class of the model with its head in transformers, the first entry of `architectures`. */
  readonly causalClass: string;
  /** Class of the same model without the head. */
  readonly baseClass: string;
  /**
   * The defaults of the family's configuration class for settings that the file lacks. Without a default, the head size
   * follows from the hidden size.
   */
  readonly defaults: Readonly<{
    contextLength: number;
    headSize?: number;
    keyValueHeads?: number;
    /** Default: 10,000. */
    ropeTheta?: number;
    /** Default: false. */
    tieWordEmbeddings?: boolean;
  }>;
  /**
   * The fields of ModelConfig that only this family has.
   *
   * @throws EngineError 'unsupported' if the file has a setting that the engine does not support for this family: to
   *   ignore it would be to compute a different model.
   */
  read(fields: Fields): Partial<ModelConfig>;
  /** Writes the keys of a config.json that only this family has, so that `read` restores the same fields. */
  write(config: ModelConfig): Readonly<Record<string, unknown>>;
}

/** The settings of a family in a GGUF file, by their keys without its prefix. */
export interface GgufKeys {
  /** A positive whole number. @throws EngineError 'file' if the file has none. */
  count(key: string): number;
  /** A positive number; undefined if the file has none. */
  positive(key: string): number | undefined;
  /** A positive whole number, or a flag for each layer; undefined if the file has neither. */
  interval(key: string): number | readonly boolean[] | undefined;
}

/** A family in a GGUF file. Settings that all families share are read by gguf-model.ts. */
export interface GgufForm {
  /** The name under `general.architecture`, which is also the prefix of the family's settings. */
  readonly architecture: string;
  /** A layer's parameters: Hugging Face name -> name in the file, both without prefix, `.weight` and `.bias`. */
  readonly layerNames: Readonly<Record<string, string>>;
  /** Whether llama.cpp stores side by side the two rows of a query or key head that a rotation mixes. */
  readonly interleavedRotary: boolean;
  /** The fields of ModelConfig that only this family has, from the file or from what llama.cpp takes for granted. */
  read?(keys: GgufKeys, config: ModelConfig): Partial<ModelConfig>;
}
