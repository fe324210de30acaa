/**
 * What the engine needs to know of a model, in one vocabulary for Hugging Face folders and GGUF files.
 */

export type Architecture = 'qwen3' | 'llama';

/** Llama 3's frequency scaling of rotary embeddings (`rope_type: "llama3"`). */
export interface RopeScaling {
  type: 'llama3';
  factor: number;
  lowFrequencyFactor: number;
  highFrequencyFactor: number;
  originalContextLength: number;
}

export interface ModelConfig {
  architecture: Architecture;
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
}

/** Qwen3 normalises each query and key head before rotating it; Llama does not. */
export function hasQueryKeyNorm(config: ModelConfig): boolean {
  return config.architecture === 'qwen3';
}

/** Names of layer `layer`'s parameters without their `model.layers.N.` prefix, with shapes ([out, in] for matrices). */
export function layerParameterShapes(config: ModelConfig): Map<string, number[]> {
  const { hiddenSize, intermediateSize, heads, keyValueHeads, headSize } = config;
  const shapes = new Map<string, number[]>();
  shapes.set('input_layernorm.weight', [hiddenSize]);
  shapes.set('self_attn.q_proj.weight', [heads * headSize, hiddenSize]);
  shapes.set('self_attn.k_proj.weight', [keyValueHeads * headSize, hiddenSize]);
  shapes.set('self_attn.v_proj.weight', [keyValueHeads * headSize, hiddenSize]);
  if (hasQueryKeyNorm(config)) {
    shapes.set('self_attn.q_norm.weight', [headSize]);
    shapes.set('self_attn.k_norm.weight', [headSize]);
  }
  shapes.set('self_attn.o_proj.weight', [hiddenSize, heads * headSize]);
  shapes.set('post_attention_layernorm.weight', [hiddenSize]);
  shapes.set('mlp.gate_proj.weight', [intermediateSize, hiddenSize]);
  shapes.set('mlp.up_proj.weight', [intermediateSize, hiddenSize]);
  shapes.set('mlp.down_proj.weight', [hiddenSize, intermediateSize]);
  return shapes;
}

/** Every parameter by its Hugging Face name, in the order of the forward pass. */
export function parameterShapes(config: ModelConfig): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  shapes.set('model.embed_tokens.weight', [config.vocabularySize, config.hiddenSize]);
  const layerShapes = layerParameterShapes(config);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const [name, shape] of layerShapes) shapes.set(`model.layers.${layer}.${name}`, shape);
  }
  shapes.set('model.norm.weight', [config.hiddenSize]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [config.vocabularySize, config.hiddenSize]);
  return shapes;
}

export function parameterCount(config: ModelConfig): number {
  let count = 0;
  for (const shape of parameterShapes(config).values()) count += shape.reduce((a, b) => a * b, 1);
  return count;
}
