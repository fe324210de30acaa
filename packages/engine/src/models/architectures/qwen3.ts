/**
 * Qwen3, dense (arXiv 2505.09388): the layer of Llama, with each query and key head normalised before it is rotated,
 * and with a head size that does not follow from the hidden size.
 */
import type { Architecture } from './architecture.js';

export const qwen3: Architecture = {
  name: 'qwen3',
  features: () => ({ queryKeyNorm: true }),
  configJson: {
    causalClass: 'Qwen3ForCausalLM',
    baseClass: 'Qwen3Model',
    // Qwen3Config of transformers.
    defaults: { headSize: 128, keyValueHeads: 32, contextLength: 32768 },
    read(fields) {
      fields.requireValue('attention_bias', false);
      fields.requireValue('mlp_bias', false);
      fields.requireValue('use_sliding_window', false);
      fields.requireValue('hidden_act', 'silu');
      fields.requireEach('layer_types', 'full_attention');
      return {};
    },
    write: () => ({ attention_bias: false, use_sliding_window: false }),
  },
  gguf: {
    architecture: 'qwen3',
    layerNames: {
      input_layernorm: 'attn_norm',
      'self_attn.q_proj': 'attn_q',
      'self_attn.k_proj': 'attn_k',
      'self_attn.v_proj': 'attn_v',
      'self_attn.q_norm': 'attn_q_norm',
      'self_attn.k_norm': 'attn_k_norm',
      'self_attn.o_proj': 'attn_output',
      post_attention_layernorm: 'ffn_norm',
      'mlp.gate_proj': 'ffn_gate',
      'mlp.up_proj': 'ffn_up',
      'mlp.down_proj': 'ffn_down',
    },
    interleavedRotary: false,
  },
};
