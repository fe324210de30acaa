/**
 * Adapters in the format of PEFT (https://github.com/huggingface/peft, docs/source/developer_guides/checkpoint.md):
 * adapter_config.json, and adapter_model.safetensors with the names of the adapted modules.
 */
import { join } from 'node:path';
import { EngineError } from '../errors.js';
import { type JsonObject, parseJsonObject, showJson } from '../json.js';
import { adapterOf, adapterShapes, projections, targetOf } from '../models/adapter.js';
import type { Adapter, ModelConfig } from '../models/config.js';
import { Fields } from '../models/config-fields.js';
import type { ParameterSet } from '../models/parameters.js';
import { type FileContent, writeFilesAtomic } from './atomic.js';
import { exists, makeFolder, readIfPresent } from './files.js';
import { fingerprint } from './fingerprint.js';
import { checkFinite } from './finite.js';
import { SafetensorsFile } from './safetensors.js';
import { safetensorsBytes } from './safetensors-writer.js';

export const ADAPTER_CONFIG = 'adapter_config.json';
/** Of a whole model. */
const CONFIG = 'config.json';
const ADAPTER_WEIGHTS = 'adapter_model.safetensors';
/** The path of a causal language model inside PEFT's wrappers. */
const PREFIX = 'base_model.model.';
/** Key of the base's fingerprint in the metadata of the weights, which PEFT ignores. */
const BASE = 'tamtrl.base';

/** Settings that change what an adapter computes, and that the engine does not have. */
const UNSUPPORTED = [
  'use_dora',
  'use_qalora',
  'use_bdlora',
  'lora_bias',
  'fan_in_fan_out',
  'modules_to_save',
  'rank_pattern',
  'alpha_pattern',
  'layers_to_transform',
  'layer_replication',
  'trainable_token_indices',
  'target_parameters',
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
];
/** Ways to draw A and B that leave the base as it is. Others, such as PiSSA, subtract the beginning from the base. */
const PLAIN_BEGINNINGS: readonly unknown[] = [undefined, true, false, 'gaussian', 'orthogonal', 'eva'];

/** The base that an adapter is used with. */
export interface AdapterBase {
  config: ModelConfig;
  parameters: ParameterSet;
  /** For messages: the path that it was opened from, or a description. */
  name: string;
}

/** Whether the folder holds an adapter alone, which needs its base. */
export async function holdsAdapter(folder: string): Promise<boolean> {
  return (await exists(join(folder, ADAPTER_CONFIG))) && !(await exists(join(folder, CONFIG)));
}

/** The base that a saved adapter names; undefined if it names none. */
export async function namedBase(folder: string): Promise<string | undefined> {
  const { base_model_name_or_path: name } = await readConfig(folder);
  return typeof name === 'string' && name !== '' ? name : undefined;
}

async function readConfig(folder: string): Promise<JsonObject> {
  const file = join(folder, ADAPTER_CONFIG);
  const bytes = await readIfPresent(file);
  if (bytes) return parseJsonObject(file, bytes);
  const message = `There is no adapter in ${folder}: it has no ${ADAPTER_CONFIG}. Give a folder that PEFT or this engine saved an adapter to.`;
  throw new EngineError('file', message, { file, expected: ADAPTER_CONFIG, found: 'nothing' });
}

/**
 * Reads an adapter for `base`.
 *
 * @throws EngineError 'unsupported' for another kind than plain LoRA; 'tensor-shape' or 'checkpoint' for an adapter of
 *   another base, naming both; 'file', 'truncated-file', 'missing-tensor', 'invalid-argument' or 'non-finite-weights'.
 */
export async function readAdapter(
  folder: string,
  base: AdapterBase,
): Promise<{ adapter: Adapter; parameters: ParameterSet }> {
  const json = await readConfig(folder);
  const fields = new Fields(join(folder, ADAPTER_CONFIG), json);
  requirePlainLora(fields);
  const rank = fields.count('r', 8);
  // rsLoRA (arXiv 2312.03732) divides by the square root of the rank; another alpha does the same.
  const alpha = fields.positive('lora_alpha', 8) * (fields.boolean('use_rslora', false) ? Math.sqrt(rank) : 1);
  const named = json.base_model_name_or_path;
  const madeFor = typeof named === 'string' && named !== '' ? named : 'a base that it does not name';
  const file = await openWeights(folder);
  try {
    const adapter = adapterOf(base.config, { rank, alpha, targets: targetsOf(file, fields, base.config) });
    const config = { ...base.config, adapter };
    const parameters: ParameterSet = new Map();
    const shapes = adapterShapes(config);
    for (const [name, shape] of shapes) {
      const entry = file.entries.get(`${PREFIX}${name}`);
      if (!entry || entry.shape.join() !== shape.join()) {
        const expected = `[${shape.join(', ')}]`;
        const found = entry ? `[${entry.shape.join(', ')}]` : 'nothing';
        const message = `The adapter in ${folder} does not fit ${base.name}: it was made for ${madeFor}. Its "${PREFIX}${name}" should have shape ${expected}, found ${found}. Use the base that it was trained on.`;
        throw new EngineError('tensor-shape', message, { file: file.path, tensor: name, expected, found });
      }
      const values = await file.read(`${PREFIX}${name}`);
      checkFinite(file.path, `${PREFIX}${name}`, values);
      parameters.set(name, values);
    }
    refuseOthers(file, shapes, madeFor, base);
    requireSameBase(folder, file.metadata[BASE], madeFor, base);
    return { adapter, parameters };
  } finally {
    await file.close();
  }
}

async function openWeights(folder: string): Promise<SafetensorsFile> {
  if (await exists(join(folder, ADAPTER_WEIGHTS))) return SafetensorsFile.open(join(folder, ADAPTER_WEIGHTS));
  const pickled = await exists(join(folder, 'adapter_model.bin'));
  const found = pickled ? 'adapter_model.bin' : 'nothing';
  const advice = pickled ? ' Save it again with safe_serialization (safetensors).' : ' Copy or download it again.';
  throw new EngineError('file', `The adapter in ${folder} has no ${ADAPTER_WEIGHTS}, found ${found}.${advice}`, {
    file: join(folder, ADAPTER_WEIGHTS),
    expected: ADAPTER_WEIGHTS,
    found,
  });
}

function requirePlainLora(fields: Fields): void {
  if (fields.value('peft_type') !== 'LORA') throw fields.unsupported('peft_type', '"LORA"');
  if ((fields.value('bias') ?? 'none') !== 'none') throw fields.unsupported('bias', '"none"');
  for (const key of UNSUPPORTED) {
    const value = fields.value(key);
    const empty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
    if (value !== undefined && value !== false && !empty) throw fields.unsupported(key, 'plain LoRA without it');
  }
  if (!PLAIN_BEGINNINGS.includes(fields.value('init_lora_weights'))) {
    throw fields.unsupported(
      'init_lora_weights',
      `${PLAIN_BEGINNINGS.slice(1).map(showJson).join(', ')}, which leave the base unchanged`,
    );
  }
}

/** The targets that the tensors name: the configuration may hold a pattern instead of a list. */
function targetsOf(file: SafetensorsFile, fields: Fields, config: ModelConfig): string[] {
  const stated = fields.value('target_modules');
  // Names may be paths, such as `self_attn.q_proj`.
  const listed = Array.isArray(stated) ? stated.map((name) => targetOf(String(name))) : [];
  const found = [...projections(config).keys()].filter((path) =>
    [...file.entries.keys()].some((name) => name.includes(`.${path}.lora_`)),
  );
  return [...new Set([...listed, ...found.map(targetOf)])];
}

function refuseOthers(
  file: SafetensorsFile,
  shapes: ReadonlyMap<string, unknown>,
  madeFor: string,
  { config, name: base }: AdapterBase,
): void {
  const other = [...file.entries.keys()].find((name) => !shapes.has(name.slice(PREFIX.length)));
  if (other === undefined) return;
  const message = `${file.path} has a tensor "${other}" that does not belong to an adapter of ${base}, a ${config.architecture} of ${config.layers} layers; it was made for ${madeFor}. Use the base that it was trained on.`;
  throw new EngineError('unsupported', message, { file: file.path, tensor: other, found: other });
}

function requireSameBase(folder: string, stated: unknown, madeFor: string, base: AdapterBase): void {
  if (stated === undefined) return;
  const found = fingerprint(base.parameters);
  if (stated === found) return;
  const message = `The adapter in ${folder} was trained on ${madeFor}, whose weights (${stated}) are not those of ${base.name} (${found}). Use the base that it was trained on.`;
  throw new EngineError('checkpoint', message, { file: folder, expected: String(stated), found });
}

/**
 * Writes adapter_config.json and adapter_model.safetensors, both or neither.
 *
 * @param weights.base the frozen weights, by which the adapter recognises them
 * @param weights.baseName how the base is to be found; PEFT takes a path or a name on the hub
 * @throws EngineError 'file' if the system refuses; 'non-finite-weights'.
 */
export async function writeAdapter(
  folder: string,
  config: ModelConfig & { adapter: Adapter },
  weights: { base: ParameterSet; baseName: string | undefined; parameters: ParameterSet },
): Promise<void> {
  const { base, baseName, parameters } = weights;
  const { rank, alpha, targets } = config.adapter;
  const json = {
    base_model_name_or_path: baseName ?? null,
    bias: 'none',
    fan_in_fan_out: false,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: 'LORA',
    r: rank,
    target_modules: targets,
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: false,
  };
  const tensors = [...adapterShapes(config)].map(([name, shape]) => {
    const values = parameters.get(name) as Float32Array;
    checkFinite('the adapter to be saved', name, values);
    return { name: `${PREFIX}${name}`, shape, values };
  });
  const metadata = { format: 'pt', [BASE]: fingerprint(base) };
  if (await exists(join(folder, CONFIG))) {
    throw new EngineError(
      'file',
      `${folder} holds a model (${CONFIG}), which programs would then open with the adapter. Nothing was written; save the adapter to a separate folder.`,
      { file: join(folder, CONFIG), expected: 'a folder without a model', found: CONFIG },
    );
  }
  await makeFolder(folder);
  await writeFilesAtomic(
    folder,
    new Map<string, FileContent>([
      [ADAPTER_CONFIG, `${JSON.stringify(json, undefined, 2)}\n`],
      [ADAPTER_WEIGHTS, safetensorsBytes(tensors, { metadata }, join(folder, ADAPTER_WEIGHTS))],
    ]),
  );
}
