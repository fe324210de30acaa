/**
 * Qwen3, dense (arXiv 2505.09388): the layer of Llama, with each query and key head normalised before it is rotated,
 * and with a head size that does not follow from the hidden size.
 */
import type { Architecture } from './architecture.js';
import { PLAIN_LAYER_NAMES, requirePlainLayer } from './plain-layer.js';

export const qwen3: Architecture = {
  name: 'qwen3',
  features: () => ({ queryKeyNorm: true }),
  configJson: {
    causalClass: 'Qwen3ForCausalLM',
    baseClass: 'Qwen3Model',
    // Qwen3Config of transformers.
    defaults: { headSize: 128, keyValueHeads: 32, contextLength: 32768 },
    read(fields) {
      requirePlainLayer(fields);
      return {};
    },
    write: () => ({ attention_bias: false, use_sliding_window: false }),
  },
  gguf: {
    architecture: 'qwen3',
    layerNames: {
      ...PLAIN_LAYER_NAMES,
      'self_attn.q_norm': 'attn_q_norm',
      'self_attn.k_norm': 'attn_k_norm',
    },
    interleavedRotary: false,
  },
};
