/**
 * A Hugging Face `config.json` as a ModelConfig, and back. Reads the forms of transformers 4 (`rope_theta` and
 * `rope_scaling` on top) and transformers 5 (both inside `rope_parameters`). Settings that differ between families are
 * in architectures/.
 */
import { EngineError } from '../errors.js';
import { requireJsonObject, showJson } from '../json.js';
import type { Architecture } from './architectures/architecture.js';
import { architectureOf, knownArchitectures } from './architectures/index.js';
import type { ModelConfig, RopeScaling } from './config.js';
import { Fields } from './config-fields.js';

/**
 * @param json Parsed content of a config.json.
 * @param file Its path, for messages.
 * @throws EngineError 'unknown-architecture', 'unsupported' (an unsupported feature would change the model's results)
 *   or 'file' (a value is missing or of the wrong kind).
 */
export function parseConfig(json: unknown, file: string): ModelConfig {
  const fields = new Fields(file, requireJsonObject(file, json));
  const architecture = findArchitecture(fields);
  const { defaults } = architecture.configJson;
  const own = architecture.configJson.read(fields);
  if (fields.value('quantization_config') !== undefined) {
    throw fields.unsupported('quantization_config', 'unquantised safetensors, or GGUF files');
  }
  const hiddenSize = fields.count('hidden_size');
  const heads = fields.count('num_attention_heads');
  const keyValueHeads = fields.count('num_key_value_heads', defaults.keyValueHeads ?? heads);
  if (heads % keyValueHeads !== 0)
    throw fields.wrong('num_key_value_heads', `a divisor of ${heads} (num_attention_heads)`);
  const headSize = fields.count('head_dim', defaults.headSize ?? hiddenSize / heads);
  if (headSize % 2 !== 0) throw fields.wrong('head_dim', 'an even number');
  const contextLength = fields.count('max_position_embeddings', defaults.contextLength);
  return {
    architecture: architecture.name,
    vocabularySize: fields.count('vocab_size'),
    hiddenSize,
    intermediateSize: fields.count('intermediate_size'),
    layers: fields.count('num_hidden_layers'),
    heads,
    keyValueHeads,
    headSize,
    contextLength,
    ...parseRope(fields, contextLength, defaults.ropeTheta),
    rmsNormEpsilon: fields.positive('rms_norm_eps', 1e-6),
    tieWordEmbeddings: fields.boolean('tie_word_embeddings', defaults.tieWordEmbeddings ?? false),
    ...own,
  };
}

/** The family whose class or `model_type` the file names; if it names both, they must agree. */
function findArchitecture(fields: Fields): Architecture {
  const classes = fields.value('architectures');
  const name: unknown = Array.isArray(classes) ? classes[0] : undefined;
  const type = fields.value('model_type');
  const typeFits = (known: Architecture) => type === undefined || type === known.name;
  const nameFits = ({ configJson: { causalClass, baseClass } }: Architecture) =>
    name === undefined || name === causalClass || name === baseClass;
  const all = knownArchitectures();
  const found = (type ?? name) === undefined ? undefined : all.find((known) => typeFits(known) && nameFits(known));
  if (found !== undefined) return found;
  const expected = all.map((known) => `${known.configJson.causalClass} (model_type "${known.name}")`).join(', ');
  const named = `${name ?? 'no architectures'} (model_type ${showJson(type)})`;
  throw new EngineError('unknown-architecture', `${fields.file} names ${named}; the engine knows ${expected}.`, {
    file: fields.file,
    expected,
    found: named,
  });
}

function parseRope(
  fields: Fields,
  contextLength: number,
  defaultTheta = 10_000,
): Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'> {
  // transformers 5 renames `rope_scaling` to `rope_parameters` and gives the older name precedence where both are
  // there.
  const parameters = ropeParameters(fields);
  const rope = fields.object('rope_scaling') ?? parameters ?? new Fields(fields.file, {}, 'rope_');
  const inner = [rope, fields, parameters].find((f) => f?.value('rope_theta') !== undefined);
  const ropeTheta = (inner ?? fields).positive('rope_theta', defaultTheta);
  for (const place of [fields, rope]) {
    if (place.positive('partial_rotary_factor', 1) !== 1) throw place.unsupported('partial_rotary_factor', '1');
  }
  const key = rope.value('rope_type') === undefined ? 'type' : 'rope_type';
  const type = rope.value(key) ?? 'default';
  if (type === 'default') return { ropeTheta };
  if (type !== 'llama3') throw rope.unsupported(key, '"default" and "llama3"');
  const ropeScaling: RopeScaling = {
    type: 'llama3',
    factor: rope.positive('factor'),
    lowFrequencyFactor: rope.positive('low_freq_factor'),
    highFrequencyFactor: rope.positive('high_freq_factor'),
    originalContextLength: rope.count('original_max_position_embeddings', contextLength),
  };
  if (ropeScaling.highFrequencyFactor <= ropeScaling.lowFrequencyFactor) {
    throw rope.wrong('high_freq_factor', 'greater than low_freq_factor');
  }
  return { ropeTheta, ropeScaling };
}

/**
 * The rotary settings of transformers 5: for all layers, or by types of layers, of which those of full attention are
 * taken. A family with sliding layers reads theirs itself.
 */
function ropeParameters(fields: Fields): Fields | undefined {
  const parameters = fields.object('rope_parameters');
  const types = parameters?.keysOfObjects() ?? [];
  if (parameters === undefined || types.length === 0) return parameters;
  const full = parameters.object('full_attention');
  if (full) return full;
  throw fields.unsupported('rope_parameters', 'settings for all layers, or for "full_attention"');
}

/** Token ids that a config.json repeats, and the dtype of its weights. */
export interface ConfigExtras {
  bosTokenId?: number;
  eosTokenIds?: readonly number[];
  padTokenId?: number;
  dtype?: 'F32' | 'BF16' | 'F16';
}

const TORCH_DTYPE = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' } as const;

/** Content of a config.json that transformers 4 and 5 and vLLM load. It has the rotary settings in both forms. */
export function configToJson(config: ModelConfig, extras: ConfigExtras = {}): Record<string, unknown> {
  const { name, configJson } = architectureOf(config);
  const { ropeScaling, ropeTheta } = config;
  const scaling = ropeScaling && {
    rope_type: ropeScaling.type,
    factor: ropeScaling.factor,
    low_freq_factor: ropeScaling.lowFrequencyFactor,
    high_freq_factor: ropeScaling.highFrequencyFactor,
    original_max_position_embeddings: ropeScaling.originalContextLength,
  };
  const eos = extras.eosTokenIds ?? [];
  const dtype = TORCH_DTYPE[extras.dtype ?? 'F32'];
  return {
    architectures: [configJson.causalClass],
    model_type: name,
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headSize,
    hidden_act: 'silu',
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.rmsNormEpsilon,
    rope_theta: ropeTheta,
    rope_scaling: scaling ?? null,
    rope_parameters: { rope_theta: ropeTheta, ...(scaling ?? { rope_type: 'default' }) },
    ...configJson.write(config),
    attention_dropout: 0,
    initializer_range: 0.02,
    tie_word_embeddings: config.tieWordEmbeddings,
    use_cache: true,
    bos_token_id: extras.bosTokenId ?? null,
    eos_token_id: eos.length === 0 ? null : eos.length === 1 ? eos[0] : eos,
    pad_token_id: extras.padTokenId ?? null,
    dtype,
    torch_dtype: dtype,
  };
}

/** Keys whose values transformers 4 expects as floating-point numbers; it warns about 32 instead of 32.0. */
const FLOATS = /^(\s*"(?:rope_theta|rope_local_base_freq|factor|low_freq_factor|high_freq_factor)": -?\d+)(,?)$/gm;

/** The config.json of {@link configToJson} as text. */
export function configToText(config: ModelConfig, extras: ConfigExtras = {}): string {
  return `${JSON.stringify(configToJson(config, extras), undefined, 2).replace(FLOATS, '$1.0$2')}\n`;
}
