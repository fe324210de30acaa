/**
 * Llama (arXiv 2302.13971, 2407.21783): pre-normalised layers with grouped-query attention, rotary embeddings and a
 * gated unit, without biases. Llama 3's scaling of rotary frequencies is a setting that all families share.
 */
import type { Architecture } from './architecture.js';

export const llama: Architecture = {
  name: 'llama',
  features: () => ({ queryKeyNorm: false }),
  configJson: {
    causalClass: 'LlamaForCausalLM',
    baseClass: 'LlamaModel',
    // LlamaConfig of transformers.
    defaults: { contextLength: 2048 },
    read(fields) {
      fields.requireValue('attention_bias', false);
      fields.requireValue('mlp_bias', false);
      fields.requireValue('use_sliding_window', false);
      fields.requireValue('hidden_act', 'silu');
      fields.requireEach('layer_types', 'full_attention');
      return {};
    },
    write: () => ({ attention_bias: false, mlp_bias: false }),
  },
  gguf: {
    architecture: 'llama',
    layerNames: {
      input_layernorm: 'attn_norm',
      'self_attn.q_proj': 'attn_q',
      'self_attn.k_proj': 'attn_k',
      'self_attn.v_proj': 'attn_v',
      'self_attn.o_proj': 'attn_output',
      post_attention_layernorm: 'ffn_norm',
      'mlp.gate_proj': 'ffn_gate',
      'mlp.up_proj': 'ffn_up',
      'mlp.down_proj': 'ffn_down',
    },
    interleavedRotary: true,
  },
};
