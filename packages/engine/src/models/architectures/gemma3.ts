/**
 * Gemma 3, text (arXiv 2503.19786): norms around one before and after attention and the gated unit, normalised query
 * and key heads, a gated unit with GELU, a scaled embedding, and five layers with a sliding window and a rotary base of
 * their own for each that attends to everything.
 */
import type { ModelConfig } from '../config.js';
import type { Fields } from '../config-fields.js';
import { allBut, everyNth } from '../layer-kinds.js';
import type { Architecture, GgufKeys } from './architecture.js';

/** One layer in so many attends to every token before. */
const PATTERN = 6;
const SLIDING_THETA = 10_000;
const ACTIVATION = 'gelu_pytorch_tanh';
/** The layers of Gemma 3 27B, the one model whose scores are divided by another number than the head size's root. */
const LAYERS_OF_27B = 62;

export const gemma3: Architecture = {
  name: 'gemma3_text',
  features: () => ({
    activation: 'gelu-tanh',
    normsAroundOne: true,
    outputNorms: true,
    queryKeyNorm: true,
    scaledEmbedding: true,
  }),
  configJson: {
    causalClass: 'Gemma3ForCausalLM',
    baseClass: 'Gemma3TextModel',
    // Gemma3TextConfig of transformers.
    defaults: { headSize: 256, keyValueHeads: 4, contextLength: 131_072, ropeTheta: 1e6, tieWordEmbeddings: true },
    read(fields) {
      fields.requireValue('attention_bias', false);
      fields.requireValue('hidden_activation', ACTIVATION);
      fields.requireValue('use_bidirectional_attention', false);
      for (const cap of ['attn_logit_softcapping', 'final_logit_softcapping']) {
        if (fields.value(cap) !== undefined) throw fields.unsupported(cap, 'scores and logits without a cap (null)');
      }
      const rope = fields.object('rope_scaling') ?? fields.object('rope_parameters')?.object('full_attention');
      rope?.requireValue('rope_type', 'default');
      return {
        queryScalar: fields.positive('query_pre_attn_scalar', 256),
        slidingWindow: {
          tokens: fields.count('sliding_window', 4096),
          layers: slidingLayers(fields),
          ropeTheta: slidingTheta(fields),
        },
      };
    },
    write({ layers, headSize, queryScalar = headSize, ropeTheta, slidingWindow }) {
      const { tokens, layers: sliding, ropeTheta: slidingTheta } = slidingWindow as SlidingWindow;
      return {
        attention_bias: false,
        attn_logit_softcapping: null,
        final_logit_softcapping: null,
        hidden_act: undefined,
        hidden_activation: ACTIVATION,
        query_pre_attn_scalar: queryScalar,
        sliding_window: tokens,
        layer_types: Array.from({ length: layers }, (_, layer) =>
          sliding.includes(layer) ? 'sliding_attention' : 'full_attention',
        ),
        rope_local_base_freq: slidingTheta,
        rope_parameters: {
          full_attention: { rope_theta: ropeTheta, rope_type: 'default' },
          sliding_attention: { rope_theta: slidingTheta, rope_type: 'default' },
        },
        use_bidirectional_attention: false,
      };
    },
  },
  gguf: {
    architecture: 'gemma3',
    layerNames: {
      input_layernorm: 'attn_norm',
      'self_attn.q_proj': 'attn_q',
      'self_attn.k_proj': 'attn_k',
      'self_attn.v_proj': 'attn_v',
      'self_attn.q_norm': 'attn_q_norm',
      'self_attn.k_norm': 'attn_k_norm',
      'self_attn.o_proj': 'attn_output',
      post_attention_layernorm: 'post_attention_norm',
      pre_feedforward_layernorm: 'ffn_norm',
      'mlp.gate_proj': 'ffn_gate',
      'mlp.up_proj': 'ffn_up',
      'mlp.down_proj': 'ffn_down',
      post_feedforward_layernorm: 'post_ffw_norm',
    },
    interleavedRotary: false,
    // What else than the window a file leaves out, as older ones do, llama.cpp has in its source.
    read: (keys, { layers, hiddenSize, heads, headSize }) => ({
      queryScalar: layers === LAYERS_OF_27B ? hiddenSize / heads : headSize,
      slidingWindow: {
        tokens: keys.count('attention.sliding_window'),
        layers: slidingLayersOf(keys, layers),
        ropeTheta: keys.positive('rope.freq_base_swa') ?? SLIDING_THETA,
      },
    }),
  },
};

type SlidingWindow = NonNullable<ModelConfig['slidingWindow']>;

/** One layer in so many attends to every token before, or those whose flag is false. */
function slidingLayersOf(keys: GgufKeys, layers: number): number[] {
  const pattern = keys.interval('attention.sliding_window_pattern') ?? PATTERN;
  if (typeof pattern === 'number') return allBut(layers, everyNth(layers, pattern));
  return [...pattern.keys()].filter((layer) => pattern[layer]);
}

/** `layer_types`, or by an interval under the name that transformers has now or the one that it had. */
function slidingLayers(fields: Fields): number[] {
  const layers = fields.count('num_hidden_layers');
  const types = fields.value('layer_types');
  if (types === undefined) {
    const key =
      fields.value('_sliding_window_pattern') === undefined ? 'sliding_window_pattern' : '_sliding_window_pattern';
    return allBut(layers, everyNth(layers, fields.count(key, PATTERN)));
  }
  const known = ['full_attention', 'sliding_attention'];
  if (Array.isArray(types) && types.length === layers && types.every((type) => known.includes(type))) {
    return [...types.keys()].filter((layer) => types[layer] === 'sliding_attention');
  }
  throw fields.wrong('layer_types', `a list of ${layers} types (num_hidden_layers), ${known.join(' or ')} each`);
}

/** `rope_local_base_freq` (transformers 4) or `rope_parameters.sliding_attention` (transformers 5). */
function slidingTheta(fields: Fields): number {
  const own = fields.object('rope_parameters')?.object('sliding_attention');
  own?.requireValue('rope_type', 'default');
  return own?.value('rope_theta') === undefined
    ? fields.positive('rope_local_base_freq', SLIDING_THETA)
    : own.positive('rope_theta');
}
