/**
 * Common parts of families whose layers are like Llama's: causal attention, a gated unit with SiLU, no biases. A family
 * uses the parts that it shares and adds its own.
 */
import type { Fields } from '../config-fields.js';

/**
 * Refuses settings of config.json that would change the layer.
 *
 * @param attentionBias what the family does, whether the file says so or not; default false
 * @throws EngineError 'unsupported'.
 */
export function requirePlainLayer(fields: Fields, { attentionBias = false } = {}): void {
  fields.requireValue('attention_bias', attentionBias);
  fields.requireValue('mlp_bias', false);
  fields.requireValue('use_sliding_window', false);
  fields.requireValue('hidden_act', 'silu');
  fields.requireEach('layer_types', 'full_attention');
}

/** The names of a layer's parameters in GGUF files, by their names in safetensors. */
export const PLAIN_LAYER_NAMES = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
} as const;
