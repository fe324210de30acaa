/**
 * Llama (arXiv 2302.13971, 2407.21783): pre-normalised layers with grouped-query attention, rotary embeddings and a
 * gated unit, without biases. Llama 3's scaling of rotary frequencies is a setting that all families share.
 */
import type { Architecture } from './architecture.js';
import { PLAIN_LAYER_NAMES, requirePlainLayer } from './plain-layer.js';

export const llama: Architecture = {
  name: 'llama',
  features: () => ({}),
  configJson: {
    causalClass: 'LlamaForCausalLM',
    baseClass: 'LlamaModel',
    // LlamaConfig of transformers.
    defaults: { contextLength: 2048 },
    read(fields) {
      requirePlainLayer(fields);
      return {};
    },
    write: () => ({ attention_bias: false, mlp_bias: false }),
  },
  gguf: {
    architecture: 'llama',
    layerNames: PLAIN_LAYER_NAMES,
    interleavedRotary: true,
  },
};
