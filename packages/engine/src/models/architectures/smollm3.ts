/**
 * SmolLM3 (https://huggingface.co/HuggingFaceTB/SmolLM3-3B): the layer of Llama, where every fourth layer does not
 * rotate queries and keys (NoPE, arXiv 2501.18795).
 */
import type { Fields } from '../config-fields.js';
import { everyNth } from '../layer-kinds.js';
import type { Architecture } from './architecture.js';
import { PLAIN_LAYER_NAMES, requirePlainLayer } from './plain-layer.js';

/** Of SmolLM3Config. GGUF files do not say it: llama.cpp has it in its source. */
const INTERVAL = 4;

export const smollm3: Architecture = {
  name: 'smollm3',
  features: () => ({}),
  configJson: {
    causalClass: 'SmolLM3ForCausalLM',
    baseClass: 'SmolLM3Model',
    // SmolLM3Config of transformers.
    defaults: { keyValueHeads: 4, contextLength: 32768, ropeTheta: 2e6, tieWordEmbeddings: true },
    read(fields) {
      requirePlainLayer(fields);
      return { unrotatedLayers: unrotatedLayers(fields) };
    },
    write: ({ layers, unrotatedLayers: unrotated = [] }) => ({
      attention_bias: false,
      mlp_bias: false,
      use_sliding_window: false,
      no_rope_layers: Array.from({ length: layers }, (_, layer) => (unrotated.includes(layer) ? 0 : 1)),
    }),
  },
  gguf: {
    architecture: 'smollm3',
    layerNames: PLAIN_LAYER_NAMES,
    interleavedRotary: true,
    read: (_, { layers }) => ({ unrotatedLayers: everyNth(layers, INTERVAL) }),
  },
};

/** `no_rope_layers` has a 1 for each layer that does rotate, in spite of its name, and a 0 for one that does not. */
function unrotatedLayers(fields: Fields): number[] {
  const layers = fields.count('num_hidden_layers');
  const list = fields.value('no_rope_layers');
  if (list === undefined) return everyNth(layers, fields.count('no_rope_layer_interval', INTERVAL));
  if (Array.isArray(list) && list.length === layers && list.every((entry) => entry === 0 || entry === 1)) {
    return [...list.keys()].filter((layer) => list[layer] === 0);
  }
  throw fields.wrong('no_rope_layers', `a list of ${layers} numbers (num_hidden_layers), 0 or 1 each`);
}
