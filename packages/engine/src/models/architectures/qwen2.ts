/**
 * Qwen2 and Qwen2.5, dense (arXiv 2407.10671, 2412.15115): the layer of Llama, with biases in the projections to
 * queries, keys and values.
 */
import type { Architecture } from './architecture.js';
import { PLAIN_LAYER_NAMES, requirePlainLayer } from './plain-layer.js';

export const qwen2: Architecture = {
  name: 'qwen2',
  features: () => ({ attentionBias: true }),
  configJson: {
    causalClass: 'Qwen2ForCausalLM',
    baseClass: 'Qwen2Model',
    // Qwen2Config of transformers.
    defaults: { keyValueHeads: 32, contextLength: 32768 },
    read(fields) {
      // The biases of attention are no setting: every Qwen2 has them.
      requirePlainLayer(fields, { attentionBias: true });
      return {};
    },
    write: () => ({ use_sliding_window: false }),
  },
  gguf: {
    architecture: 'qwen2',
    layerNames: PLAIN_LAYER_NAMES,
    interleavedRotary: false,
  },
};
