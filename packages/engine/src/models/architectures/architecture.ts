/** What the engine needs to know of a family of models. Each family is described by one file of this folder. */
import type { ModelConfig } from '../config.js';
import type { Fields } from '../config-fields.js';

/** What a decoder layer has beyond what all families share; decoder.ts and parameters.ts build layers from these. */
export interface LayerFeatures {
  /** Each query and key head is normalised (`self_attn.q_norm`, `self_attn.k_norm`) before it is rotated. */
  queryKeyNorm: boolean;
}

export interface Architecture {
  /** The name in `ModelConfig.architecture`, which is also the `model_type` of a config.json. */
  readonly name: string;
  /** The features of a model's layers. What differs between models of the family is a field of their configuration. */
  features(config: ModelConfig): LayerFeatures;
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
   * What the family's configuration class assumes where the file is silent; otherwise, heads follow from the hidden
   * size.
   */
  readonly defaults: Readonly<{ contextLength: number; headSize?: number; keyValueHeads?: number }>;
  /**
   * The fields of ModelConfig that only this family has.
   *
   * @throws EngineError 'unsupported' if the file asks for something that the engine does not compute for this family:
   *   without it, the engine would compute another model.
   */
  read(fields: Fields): Partial<ModelConfig>;
  /** The keys of a config.json that only this family has, so that `read` finds the same again. */
  write(config: ModelConfig): Readonly<Record<string, unknown>>;
}

/** A family in a GGUF file. Settings that all families share are read by gguf-model.ts. */
export interface GgufForm {
  /** The name under `general.architecture`, with which the keys of the family's settings begin. */
  readonly architecture: string;
  /** A layer's parameters: Hugging Face name without prefix and `.weight` -> name in the file without both. */
  readonly layerNames: Readonly<Record<string, string>>;
  /** Whether llama.cpp stores the two rows of a query or key head that a rotation mixes side by side. */
  readonly interleavedRotary: boolean;
}
