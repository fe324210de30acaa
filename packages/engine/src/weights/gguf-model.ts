/**
 * A GGUF file as a model: its metadata as a ModelConfig, its tensors under Hugging Face names and in Hugging Face
 * order. Names of keys and tensors: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
 */
import { EngineError } from '../errors.js';
import type { Architecture } from '../models/architectures/architecture.js';
import { architectureOf, featuresOf, knownArchitectures } from '../models/architectures/index.js';
import type { ModelConfig, RopeScaling } from '../models/config.js';
import { parameterShapes } from '../models/parameters.js';
import { GgufFile } from './gguf.js';
import type { GgufValue } from './gguf-header.js';
import { missingTensor, requireTensorsForLayers, type TensorEntry, type TensorSource } from './tensor-source.js';

/** A factor for each rotary frequency; Llama 3's scaling is stored this way. */
const ROPE_FACTORS = 'rope_freqs.weight';

/** Name in a GGUF file of the parameter that Hugging Face calls `name`, for a model of `architecture`. */
export function ggufName({ gguf }: Architecture, name: string): string {
  if (name === 'model.embed_tokens.weight') return 'token_embd.weight';
  if (name === 'model.norm.weight') return 'output_norm.weight';
  if (name === 'lm_head.weight') return 'output.weight';
  const match = /^model\.layers\.(\d+)\.(.+)\.(weight|bias)$/.exec(name);
  const short = match === null ? undefined : gguf.layerNames[match[2]];
  if (match === null || short === undefined) throw new EngineError('internal', `No GGUF name for parameter "${name}".`);
  return `blk.${match[1]}.${short}.${match[3]}`;
}

/** Typed look-ups that name the file and the key on failure. */
export class GgufMetadata {
  readonly file: string;
  readonly #values: ReadonlyMap<string, GgufValue>;

  constructor(file: string, values: ReadonlyMap<string, GgufValue>) {
    this.file = file;
    this.#values = values;
  }

  number(key: string): number | undefined {
    return this.#get(key, 'a number', (v) => typeof v === 'number');
  }

  /** A positive whole number. */
  count(key: string): number | undefined {
    return this.#get(key, 'a positive whole number', (v): v is number => Number.isSafeInteger(v) && Number(v) > 0);
  }

  string(key: string): string | undefined {
    return this.#get(key, 'a string', (v) => typeof v === 'string');
  }

  boolean(key: string): boolean | undefined {
    return this.#get(key, 'true or false', (v) => typeof v === 'boolean');
  }

  strings(key: string): string[] | undefined {
    return this.#get(key, 'a list of strings', (v): v is string[] => isListOf(v, 'string'));
  }

  positive(key: string): number | undefined {
    return this.#get(key, 'a positive number', (v): v is number => typeof v === 'number' && v > 0 && v < Infinity);
  }

  /** A positive whole number, or a list of flags (true and false, or 1 and 0), one for each layer. */
  interval(key: string, layers: number): number | boolean[] | undefined {
    const isFlag = (v: unknown) => typeof v === 'boolean' || v === 0 || v === 1;
    const isList = (v: GgufValue): v is number[] | boolean[] =>
      Array.isArray(v) && v.length === layers && v.every(isFlag);
    const isCount = (v: GgufValue): v is number => Number.isSafeInteger(v) && Number(v) > 0;
    const expected = `a positive whole number or a list of ${layers} flags, one for each layer`;
    const found = this.#get(key, expected, (v): v is number | number[] | boolean[] => isCount(v) || isList(v));
    return typeof found === 'object' ? found.map(Boolean) : found;
  }

  numbers(key: string): number[] | undefined {
    return this.#get(key, 'a list of numbers', (v): v is number[] => isListOf(v, 'number'));
  }

  /** `value` if it is there. @throws EngineError 'file' otherwise. */
  required<T>(key: string, value: T | undefined): T {
    if (value !== undefined) return value;
    throw new EngineError(
      'file',
      `The metadata of ${this.file} lacks the key "${key}", without which the engine cannot load the model.`,
      {
        file: this.file,
        expected: key,
        found: 'nothing',
      },
    );
  }

  #get<T extends GgufValue>(key: string, expected: string, is: (v: GgufValue) => v is T): T | undefined {
    const value = this.#values.get(key);
    if (value === undefined || is(value)) return value;
    const found = Array.isArray(value) ? `a list of ${value.length}` : JSON.stringify(value).slice(0, 80);
    throw new EngineError('file', `Key "${key}" of ${this.file} should be ${expected}, found ${found}.`, {
      file: this.file,
      expected,
      found,
    });
  }
}

function isListOf(value: GgufValue, type: 'string' | 'number'): boolean {
  return Array.isArray(value) && value.every((v) => typeof v === type);
}

function unsupported(file: string, what: string, expected: string, found: string): EngineError {
  return new EngineError('unsupported', `${file}: ${what}; the engine supports ${expected}, found ${found}.`, {
    file,
    expected,
    found,
  });
}

/** The shortest decimal with the same float32: 1e-5 instead of 0.000009999999747378752. */
function shortest(value: number): number {
  const short = Number(value.toPrecision(7));
  return Math.fround(short) === Math.fround(value) ? short : value;
}

/** Opens a GGUF file as a model. Close the source after use. @throws EngineError, see {@link GgufFile.open}. */
export async function openGgufModel(path: string): Promise<{
  config: ModelConfig;
  source: TensorSource;
  metadata: GgufMetadata;
}> {
  const file = await GgufFile.open(path);
  try {
    const metadata = new GgufMetadata(path, file.metadata);
    const config = await configOf(file, metadata);
    requireTensorsForLayers(path, config, file.entries.size);
    refuseUnknownTensors(file, config);
    return { config, source: new GgufModelSource(file, config), metadata };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function findArchitecture(metadata: GgufMetadata): Architecture {
  const name = metadata.required('general.architecture', metadata.string('general.architecture'));
  const all = knownArchitectures();
  const found = all.find(({ gguf }) => gguf.architecture === name);
  if (found !== undefined) return found;
  const expected = all.map(({ gguf }) => gguf.architecture).join(', ');
  throw new EngineError(
    'unknown-architecture',
    `${metadata.file} holds a model of architecture "${name}"; the engine knows ${expected}.`,
    { file: metadata.file, expected, found: name },
  );
}

async function configOf(file: GgufFile, metadata: GgufMetadata): Promise<ModelConfig> {
  const splits = metadata.number('split.count') ?? 1;
  if (splits > 1)
    throw unsupported(file.path, 'the model is split over several files', 'a single file', `${splits} files`);
  const architecture = findArchitecture(metadata);
  const key = (name: string) => `${architecture.gguf.architecture}.${name}`;
  const count = (name: string) => metadata.required(key(name), metadata.count(key(name)));

  const embedding = file.entries.get('token_embd.weight');
  if (embedding === undefined) throw missingTensor(file.path, 'token_embd.weight');
  const hiddenSize = count('embedding_length');
  const heads = count('attention.head_count');
  const headSize = metadata.count(key('attention.key_length')) ?? hiddenSize / heads;
  if (headSize % 2 !== 0) throw unsupported(file.path, 'its heads cannot be halved', 'an even size', String(headSize));
  const valueSize = metadata.number(key('attention.value_length')) ?? headSize;
  if (valueSize !== headSize) {
    throw unsupported(file.path, 'keys and values differ in size', `values of ${headSize}`, String(valueSize));
  }
  const rotary = metadata.number(key('rope.dimension_count')) ?? headSize;
  if (rotary !== headSize) {
    throw unsupported(
      file.path,
      'a part of each head is not rotated',
      `rotary embeddings of ${headSize}`,
      String(rotary),
    );
  }
  const scaling = metadata.string(key('rope.scaling.type')) ?? 'none';
  if (scaling !== 'none') throw unsupported(file.path, 'the rotary embeddings are scaled', 'no such scaling', scaling);
  const experts = metadata.number(key('expert_count')) ?? 0;
  if (experts > 0) throw unsupported(file.path, 'it is a mixture of experts', 'dense models', `${experts} experts`);

  const epsilon = key('attention.layer_norm_rms_epsilon');
  const ropeTheta = shortest(metadata.number(key('rope.freq_base')) ?? 10000);
  const config: ModelConfig = {
    architecture: architecture.name,
    // The number of rows counts: the vocabulary's key may be absent and leaves out padding.
    vocabularySize: embedding.shape[0],
    hiddenSize,
    intermediateSize: count('feed_forward_length'),
    layers: count('block_count'),
    heads,
    keyValueHeads: metadata.count(key('attention.head_count_kv')) ?? heads,
    headSize,
    contextLength: count('context_length'),
    ropeTheta,
    ropeScaling: await ropeScalingOf(file, ropeTheta, headSize),
    rmsNormEpsilon: shortest(metadata.required(epsilon, metadata.number(epsilon))),
    tieWordEmbeddings: !file.entries.has('output.weight'),
  };
  for (const name of ['attention.key_length_swa', 'attention.value_length_swa', 'rope.dimension_count_swa']) {
    const found = metadata.number(key(name)) ?? headSize;
    if (found === headSize) continue;
    throw unsupported(file.path, `its sliding layers have other heads ("${key(name)}")`, `${headSize}`, `${found}`);
  }
  const positive = (name: string) => {
    const found = metadata.positive(key(name));
    return found === undefined ? undefined : shortest(found);
  };
  const interval = (name: string) => metadata.interval(key(name), config.layers);
  return { ...config, ...architecture.gguf.read?.({ count, positive, interval }, config) };
}

/** Factors by which Llama 3 divides each rotary frequency, as in `_compute_llama3_parameters` of transformers. */
export function llama3Factors(scaling: RopeScaling, ropeTheta: number, headSize: number): number[] {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContextLength } = scaling;
  return Array.from({ length: headSize / 2 }, (_, i) => {
    const wavelength = 2 * Math.PI * ropeTheta ** ((2 * i) / headSize);
    const turns = originalContextLength / wavelength;
    if (turns > high) return 1;
    if (turns < low) return factor;
    const smooth = (turns - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/**
 * Only the factors of Llama 3's scaling are stored. All released models share low 1, high 4 and original length 8192,
 * so the factor follows from the tensor, and the rest is checked by computing the tensor again.
 */
async function ropeScalingOf(file: GgufFile, ropeTheta: number, headSize: number): Promise<RopeScaling | undefined> {
  if (!file.entries.has(ROPE_FACTORS)) return undefined;
  const [count] = file.entries.get(ROPE_FACTORS)!.shape;
  if (count !== headSize / 2) {
    throw unsupported(
      file.path,
      `"${ROPE_FACTORS}" does not fit heads of ${headSize}`,
      `${headSize / 2} factors`,
      `${count}`,
    );
  }
  const stored = await file.read(ROPE_FACTORS);
  if (stored.every((value) => value === 1)) return undefined;
  const scaling: RopeScaling = {
    type: 'llama3',
    factor: stored.reduce((a, b) => Math.max(a, b)),
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalContextLength: 8192,
  };
  const expected = llama3Factors(scaling, ropeTheta, headSize);
  const equal = (value: number, i: number) => Math.abs(value - stored[i]) <= 1e-4 * value;
  if (stored.length === expected.length && expected.every(equal)) return scaling;
  throw unsupported(file.path, `"${ROPE_FACTORS}" scales the rotary embeddings`, "Llama 3's scaling", 'other factors');
}

function refuseUnknownTensors(file: GgufFile, config: ModelConfig): void {
  const architecture = architectureOf(config);
  const names = [...parameterShapes(config).keys()].map((name) => ggufName(architecture, name));
  const known = new Set([ROPE_FACTORS, ...names]);
  for (const name of file.entries.keys()) {
    if (known.has(name)) continue;
    throw new EngineError(
      'unsupported',
      `${file.path} has a tensor "${name}" that is not part of the engine's ${config.architecture}; without it, ` +
        'the engine would compute a different model.',
      { file: file.path, tensor: name, expected: [...known].slice(0, 3).join(', '), found: name },
    );
  }
}

/** Tensors by Hugging Face names. */
class GgufModelSource implements TensorSource {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly #file: GgufFile;
  readonly #config: ModelConfig;
  readonly #architecture: Architecture;

  constructor(file: GgufFile, config: ModelConfig) {
    this.#file = file;
    this.#config = config;
    this.#architecture = architectureOf(config);
    const entries = new Map<string, TensorEntry>();
    for (const name of parameterShapes(config).keys()) {
      const entry = file.entries.get(ggufName(this.#architecture, name));
      if (entry !== undefined) entries.set(name, entry);
    }
    this.entries = entries;
  }

  async read(name: string): Promise<Float32Array<ArrayBuffer>> {
    const values = await this.#file.read(ggufName(this.#architecture, name));
    if (featuresOf(this.#config).normsAroundOne && name.endsWith('norm.weight')) {
      // The file has 1 + weight.
      for (let i = 0; i < values.length; i++) values[i] -= 1;
    }
    if (!this.#architecture.gguf.interleavedRotary) return values;
    const { heads, keyValueHeads } = this.#config;
    if (name.endsWith('.self_attn.q_proj.weight')) return splitRotaryPairs(values, heads, this.#rows(name));
    if (name.endsWith('.self_attn.k_proj.weight')) return splitRotaryPairs(values, keyValueHeads, this.#rows(name));
    return values;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #rows(name: string): number {
    return this.entries.get(name)!.shape[0];
  }
}

/**
 * llama.cpp stores the two rows that a rotation mixes side by side: (0, 1), (2, 3), …. Hugging Face stores all first
 * rows of a head before all second rows. Row 2i + t of a head in the file is row t * headSize / 2 + i here.
 */
export function splitRotaryPairs(
  values: Float32Array<ArrayBuffer>,
  heads: number,
  rows: number,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(values.length);
  const width = values.length / rows;
  const headSize = rows / heads;
  for (let row = 0; row < rows; row++) {
    const inHead = row % headSize;
    const target = row - inHead + (inHead % 2) * (headSize / 2) + (inHead >> 1);
    result.set(values.subarray(row * width, (row + 1) * width), target * width);
  }
  return result;
}
