/**
 * A Hugging Face `config.json` as a ModelConfig, and back. Reads the forms of transformers 4 (`rope_theta` and
 * `rope_scaling` on top) and transformers 5 (both inside `rope_parameters`); defaults are those of `LlamaConfig` and
 * `Qwen3Config` of transformers.
 */
import { EngineError } from '../errors.js';
import type { Architecture, ModelConfig, RopeScaling } from './config.js';

interface Known {
  architecture: Architecture;
  /** Class of the model with its head, the first entry of `architectures`. */
  causal: string;
  /** Class of the same model without the head. */
  base: string;
  /** What the architecture's configuration class assumes where the file is silent. */
  defaults: { headSize?: number; keyValueHeads?: number; contextLength: number };
}

const KNOWN: readonly Known[] = [
  { architecture: 'llama', causal: 'LlamaForCausalLM', base: 'LlamaModel', defaults: { contextLength: 2048 } },
  {
    architecture: 'qwen3',
    causal: 'Qwen3ForCausalLM',
    base: 'Qwen3Model',
    defaults: { headSize: 128, keyValueHeads: 32, contextLength: 32768 },
  },
];

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 120);
}

/** Look-ups that name the file and the key on failure. */
class Fields {
  readonly file: string;
  readonly #json: Json;
  readonly #prefix: string;

  constructor(file: string, json: Json, prefix = '') {
    this.file = file;
    this.#json = json;
    this.#prefix = prefix;
  }

  value(key: string): unknown {
    return this.#json[key] ?? undefined;
  }

  wrong(key: string, expected: string): EngineError {
    const found = show(this.value(key));
    return new EngineError('file', `"${this.#prefix}${key}" in ${this.file} should be ${expected}, found ${found}.`, {
      file: this.file,
      expected,
      found,
    });
  }

  positive(key: string, fallback?: number): number {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
    throw this.wrong(key, 'a positive number');
  }

  count(key: string, fallback?: number): number {
    const value = this.positive(key, fallback);
    if (Number.isSafeInteger(value)) return value;
    throw this.wrong(key, 'a positive whole number');
  }

  boolean(key: string, fallback: boolean): boolean {
    const value = this.value(key) ?? fallback;
    if (typeof value === 'boolean') return value;
    throw this.wrong(key, 'true or false');
  }

  object(key: string): Fields | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (isObject(value)) return new Fields(this.file, value, `${this.#prefix}${key}.`);
    throw this.wrong(key, 'an object');
  }

  unsupported(key: string, expected: string): EngineError {
    const found = show(this.value(key));
    return new EngineError(
      'unsupported',
      `"${this.#prefix}${key}" in ${this.file}: the engine supports ${expected}, found ${found}.`,
      { file: this.file, expected, found },
    );
  }
}

/**
 * @param json Parsed content of a config.json.
 * @param file Its path, for messages.
 * @throws EngineError 'unknown-architecture', 'unsupported' (a feature that would change the model's results) or 'file'
 * (a value is missing or of the wrong kind).
 */
export function parseConfig(json: unknown, file: string): ModelConfig {
  if (!isObject(json)) {
    const found = show(json);
    throw new EngineError('file', `${file} should hold a JSON object, found ${found}.`, {
      file,
      expected: 'object',
      found,
    });
  }
  const fields = new Fields(file, json);
  const { architecture, defaults } = knownOf(fields);
  refuseUnsupported(fields);
  const hiddenSize = fields.count('hidden_size');
  const heads = fields.count('num_attention_heads');
  const keyValueHeads = fields.count('num_key_value_heads', defaults.keyValueHeads ?? heads);
  if (heads % keyValueHeads !== 0)
    throw fields.wrong('num_key_value_heads', `a divisor of ${heads} (num_attention_heads)`);
  const headSize = fields.count('head_dim', defaults.headSize ?? hiddenSize / heads);
  if (headSize % 2 !== 0) throw fields.wrong('head_dim', 'an even number');
  const contextLength = fields.count('max_position_embeddings', defaults.contextLength);
  return {
    architecture,
    vocabularySize: fields.count('vocab_size'),
    hiddenSize,
    intermediateSize: fields.count('intermediate_size'),
    layers: fields.count('num_hidden_layers'),
    heads,
    keyValueHeads,
    headSize,
    contextLength,
    ...parseRope(fields, contextLength),
    rmsNormEpsilon: fields.positive('rms_norm_eps', 1e-6),
    tieWordEmbeddings: fields.boolean('tie_word_embeddings', false),
  };
}

function knownOf(fields: Fields): Known {
  const classes = fields.value('architectures');
  const name: unknown = Array.isArray(classes) ? classes[0] : undefined;
  const type = fields.value('model_type');
  const typeFits = (k: Known) => type === undefined || type === k.architecture;
  const nameFits = (k: Known) => name === undefined || name === k.causal || name === k.base;
  const known = (type ?? name) === undefined ? undefined : KNOWN.find((k) => typeFits(k) && nameFits(k));
  if (known !== undefined) return known;
  const expected = KNOWN.map((k) => `${k.causal} (model_type "${k.architecture}")`).join(', ');
  const found = `${name ?? 'no architectures'} (model_type ${show(type)})`;
  throw new EngineError('unknown-architecture', `${fields.file} names ${found}; the engine knows ${expected}.`, {
    file: fields.file,
    expected,
    found,
  });
}

function refuseUnsupported(fields: Fields): void {
  for (const key of ['attention_bias', 'mlp_bias', 'use_sliding_window']) {
    if (fields.boolean(key, false)) throw fields.unsupported(key, 'false');
  }
  const activation = fields.value('hidden_act') ?? 'silu';
  if (activation !== 'silu') throw fields.unsupported('hidden_act', '"silu"');
  const types = fields.value('layer_types');
  if (Array.isArray(types) && types.some((type) => type !== 'full_attention')) {
    throw fields.unsupported('layer_types', '"full_attention" in every layer');
  }
  if (fields.value('quantization_config') !== undefined) {
    throw fields.unsupported('quantization_config', 'unquantised safetensors, or GGUF files');
  }
}

function parseRope(fields: Fields, contextLength: number): Pick<ModelConfig, 'ropeTheta' | 'ropeScaling'> {
  // transformers 5 renames `rope_scaling` to `rope_parameters` and gives the older name precedence where both are there.
  const rope =
    fields.object('rope_scaling') ?? fields.object('rope_parameters') ?? new Fields(fields.file, {}, 'rope_');
  const inner = [rope, fields, fields.object('rope_parameters')].find((f) => f?.value('rope_theta') !== undefined);
  const ropeTheta = (inner ?? fields).positive('rope_theta', 10000);
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

/** Token ids that a config.json repeats, and the dtype of the weights beside it. */
export interface ConfigExtras {
  bosTokenId?: number;
  eosTokenIds?: readonly number[];
  padTokenId?: number;
  dtype?: 'F32' | 'BF16' | 'F16';
}

const TORCH_DTYPE = { F32: 'float32', BF16: 'bfloat16', F16: 'float16' } as const;

/** Content of a config.json that transformers 4 and 5 and vLLM load: rotary settings are there in both forms. */
export function configToJson(config: ModelConfig, extras: ConfigExtras = {}): Record<string, unknown> {
  const known = KNOWN.find((k) => k.architecture === config.architecture)!;
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
    architectures: [known.causal],
    model_type: config.architecture,
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
    attention_bias: false,
    ...(config.architecture === 'qwen3' ? { use_sliding_window: false } : { mlp_bias: false }),
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

/** Keys whose values transformers 4 wants written as floating-point numbers; it warns about 32 where it expects 32.0. */
const FLOATS = /^(\s*"(?:rope_theta|factor|low_freq_factor|high_freq_factor)": -?\d+)(,?)$/gm;

/** Text of the config.json of {@link configToJson}. */
export function configToText(config: ModelConfig, extras: ConfigExtras = {}): string {
  return `${JSON.stringify(configToJson(config, extras), undefined, 2).replace(FLOATS, '$1.0$2')}\n`;
}
