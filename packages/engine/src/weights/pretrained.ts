/**
 * Whole models: reads a Hugging Face folder (config.json, safetensors, tokenizer files) or a GGUF file, and writes a
 * folder that transformers and vLLM load.
 */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors.js';
import { parseJsonObject } from '../json.js';
import type { ModelConfig } from '../models/config.js';
import { parameterCount, parameterShapes } from '../models/parameters.js';
import { configToText, parseConfig } from '../models/parse-config.js';
import { elementCount } from '../shape.js';
import { type FileContent, writeFilesAtomic } from './atomic.js';
import type { FloatDtype } from './dtype.js';
import { exists, makeFolder, readIfPresent } from './files.js';
import { checkFinite } from './finite.js';
import { openGgufModel } from './gguf-model.js';
import { filesOfGguf, type PretrainedFiles, readPretrainedFiles, statedTokenIds } from './pretrained-files.js';
import { readWeightMap, SafetensorsFile, ShardedSafetensors } from './safetensors.js';
import { safetensorsBytes } from './safetensors-writer.js';
import { missingTensor, requireTensorsForLayers, type TensorSource } from './tensor-source.js';

export type { PretrainedFiles } from './pretrained-files.js';

export interface Pretrained {
  config: ModelConfig;
  /** By Hugging Face name, exactly those of `parameterShapes(config)`. */
  parameters: Map<string, Float32Array<ArrayBuffer>>;
  files: PretrainedFiles;
}

export interface LoadOptions {
  /** Called after each tensor; numbers count parameters. */
  onProgress?: (progress: { finished: number; total: number }) => void;
}

/** Where a model to be saved has its parameters: a map, or something that makes each one when it is asked for. */
export interface ParameterSource {
  get(name: string): Float32Array | undefined;
}

const CONFIG = 'config.json';
const WEIGHTS = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Loads a folder with config.json and model.safetensors (or shards with an index), or a .gguf file.
 *
 * @throws EngineError 'file', 'truncated-file', 'missing-tensor', 'tensor-shape', 'non-finite-weights',
 * 'unknown-architecture' or 'unsupported', naming the file and the tensor or key.
 */
export async function loadPretrained(path: string, options: LoadOptions = {}): Promise<Pretrained> {
  const status = await stat(path).catch((cause: unknown) => {
    throw new EngineError(
      'file',
      `There is no model at ${path}. Give a folder with config.json and model.safetensors, or a .gguf file; the ` +
        'engine does not download models.',
      { file: path, expected: 'folder or .gguf file', found: 'nothing' },
      { cause },
    );
  });
  return status.isDirectory() ? loadFolder(path, options) : loadGguf(path, options);
}

async function loadGguf(path: string, options: LoadOptions): Promise<Pretrained> {
  if (path.endsWith('.safetensors') || path.endsWith('.json')) {
    throw new EngineError('file', `${path} is part of a model folder. Give the path of the folder.`, {
      file: path,
      expected: 'folder or .gguf file',
      found: 'a file of a folder',
    });
  }
  const { config, source, metadata } = await openGgufModel(path);
  try {
    const files = filesOfGguf(metadata);
    return { config, parameters: await readParameters(path, config, source, options), files };
  } finally {
    await source.close();
  }
}

async function loadFolder(folder: string, options: LoadOptions): Promise<Pretrained> {
  const configFile = join(folder, CONFIG);
  const bytes = await readIfPresent(configFile);
  if (bytes === undefined) throw await incomplete(folder, CONFIG);
  const json = parseJsonObject(configFile, bytes);
  const config = parseConfig(json, configFile);
  const source = await openWeights(folder);
  try {
    requireTensorsForLayers(configFile, config, source.entries.size);
    refuseUnknownTensors(config, source);
    const parameters = await readParameters(folder, config, source, options);
    return { config, parameters, files: await readPretrainedFiles(folder, json) };
  } finally {
    await source.close();
  }
}

async function openWeights(folder: string): Promise<TensorSource> {
  // If both exist, transformers takes the single file too.
  if (await exists(join(folder, WEIGHTS))) return SafetensorsFile.open(join(folder, WEIGHTS));
  if (await exists(join(folder, INDEX))) return ShardedSafetensors.open(join(folder, INDEX));
  throw await incomplete(folder, `${WEIGHTS} or ${INDEX}`);
}

/** Explains why a folder lacks `expected`: often it holds weights of another kind. */
async function incomplete(folder: string, expected: string): Promise<EngineError> {
  const names = await readdir(folder);
  const gguf = names.find((name) => /\.gguf$/i.test(name));
  const pickled = names.find((name) => /^pytorch_model.*\.bin$/.test(name));
  const adapter = names.includes('adapter_config.json');
  const found = names.slice(0, 10).join(', ') || 'an empty folder';
  let advice = 'Give the folder of a complete model.';
  if (adapter) advice = `It holds an adapter (PEFT), which is opened with its base if there is no ${CONFIG} beside it.`;
  else if (pickled !== undefined) advice = `It holds ${pickled}: save it again with safe_serialization (safetensors).`;
  else if (gguf !== undefined) advice = `It holds a GGUF file: give its path, ${join(folder, gguf)}.`;
  return new EngineError('file', `${folder} has no ${expected} (found: ${found}). ${advice}`, {
    file: folder,
    expected,
    found,
  });
}

/** A parameter's name in a checkpoint of the base model, which transformers saves without the outer `model.`. */
function baseName(name: string): string {
  return name.replace(/^model\./, '');
}

/**
 * A tensor inside the decoder that is not one of its parameters (a bias, a further layer) means that the configuration
 * does not describe the whole model. Other tensors, such as a value head or the unembedding of a tied model, are
 * harmless.
 */
function refuseUnknownTensors(config: ModelConfig, source: TensorSource): void {
  const known = new Set([...parameterShapes(config).keys()].map(baseName));
  for (const { name, file } of source.entries.values()) {
    const base = baseName(name);
    // Old checkpoints contain the rotary frequencies, which follow from the configuration.
    if (!/^(layers|embed_tokens|norm)\./.test(base) || known.has(base) || base.endsWith('rotary_emb.inv_freq'))
      continue;
    throw new EngineError(
      'unsupported',
      `${file} has a tensor "${name}" that is not part of a ${config.architecture} of ${config.layers} layers; ` +
        'without it, the engine would compute a different model.',
      { file, tensor: name, expected: `the parameters of ${config.architecture}`, found: name },
    );
  }
}

async function readParameters(
  path: string,
  config: ModelConfig,
  source: TensorSource,
  options: LoadOptions,
): Promise<Map<string, Float32Array<ArrayBuffer>>> {
  const shapes = parameterShapes(config);
  const stored = new Map<string, string>();
  for (const [name, shape] of shapes) stored.set(name, findTensor(path, source, name, shape));
  const parameters = new Map<string, Float32Array<ArrayBuffer>>();
  const total = parameterCount(config);
  let finished = 0;
  for (const [name, storedName] of stored) {
    const values = await source.read(storedName);
    const { file, name: tensor } = source.entries.get(storedName)!;
    checkFinite(file, tensor, values);
    parameters.set(name, values);
    finished += values.length;
    options.onProgress?.({ finished, total });
  }
  return parameters;
}

/** The key under which `source` has the parameter; also checks its shape. */
function findTensor(path: string, source: TensorSource, name: string, shape: readonly number[]): string {
  const key = source.entries.has(name) ? name : baseName(name);
  const entry = source.entries.get(key);
  if (entry === undefined) {
    const hint =
      name === 'lm_head.weight' ? ' If the model ties it to its embedding, set tie_word_embeddings to true.' : '';
    throw missingTensor(path, name, hint);
  }
  if (entry.shape.length === shape.length && entry.shape.every((size, i) => size === shape[i])) return key;
  const expected = `[${shape.join(', ')}]`;
  const found = `[${entry.shape.join(', ')}]`;
  throw new EngineError(
    'tensor-shape',
    `Tensor "${entry.name}" of ${entry.file} should have shape ${expected} according to the configuration, found ${found}.`,
    { file: entry.file, tensor: entry.name, expected, found },
  );
}

/**
 * Writes config.json, model.safetensors and the auxiliary files, replacing those of an existing model. Each file is
 * either the old or the new one, never incomplete. Creates the folder if needed.
 *
 * @param options.dtype Of the weights; default F32. Rounded to nearest even.
 * @throws EngineError 'file' if the system refuses or the folder holds something else; 'missing-tensor', 'tensor-shape'
 *   or 'non-finite-weights' if the parameters do not fit the configuration, are not finite or exceed the range of the
 *   dtype. In all these cases, nothing is replaced.
 */
export async function savePretrained(
  folder: string,
  model: { config: ModelConfig; parameters: ParameterSource; files: PretrainedFiles },
  options: { dtype?: FloatDtype } = {},
): Promise<void> {
  const { config, parameters, files } = model;
  const { dtype = 'F32' } = options;
  const path = join(folder, WEIGHTS);
  const tensors = [...parameterShapes(config)].map(([name, shape]) => {
    const values = parameters.get(name);
    if (values === undefined) throw missingTensor('The model to be saved', name);
    if (values.length !== elementCount(shape)) {
      const expected = `${elementCount(shape)} values of shape [${shape.join(', ')}]`;
      const found = `${values.length} values`;
      throw new EngineError('tensor-shape', `Parameter "${name}" should have ${expected}, found ${found}.`, {
        tensor: name,
        expected,
        found,
      });
    }
    checkFinite('the model to be saved', name, values);
    // Asked for again when it is written: a source that computes its tensors then holds one at a time.
    return { name, shape, values: () => parameters.get(name) as Float32Array };
  });
  const stated = statedTokenIds(folder, files.auxiliary);
  const extras = {
    dtype,
    eosTokenIds: files.eosTokenIds.length > 0 ? files.eosTokenIds : stated.eosTokenIds,
    bosTokenId: files.bosTokenId ?? stated.bosTokenId,
    padTokenId: files.padTokenId ?? stated.padTokenId,
  };
  // Renamed in this order: with config.json first, an incomplete folder can be recognised as a model's.
  const contents = new Map<string, FileContent>([[CONFIG, configToText(config, extras)]]);
  contents.set(WEIGHTS, safetensorsBytes(tensors, { dtype }, path));
  for (const [name, bytes] of files.auxiliary) contents.set(name, bytes);
  await requireModelFolder(folder, [...contents.keys()]);

  await makeFolder(folder);
  await writeFilesAtomic(folder, contents);
  await removeShards(folder);
}

/** @throws EngineError 'file' if one of the files exists and belongs to something other than a model. */
async function requireModelFolder(folder: string, names: readonly string[]): Promise<void> {
  const present = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => undefined)));
  const found = names.find((_, at) => present[at] !== undefined);
  if (found === undefined || (await holdsModel(join(folder, CONFIG)))) return;
  const expected = 'a new folder, or one whose config.json has a "model_type"';
  const message = `${folder} contains ${found}, but is not a model folder: its ${CONFIG} has no "model_type". Nothing was written; name a new folder.`;
  throw new EngineError('file', message, { file: join(folder, found), expected, found });
}

async function holdsModel(config: string): Promise<boolean> {
  try {
    const bytes = await readIfPresent(config);
    return bytes !== undefined && typeof parseJsonObject(config, bytes).model_type === 'string';
  } catch {
    return false;
  }
}

/**
 * Removes the shards of an earlier model: programs that follow the index (vLLM) would load them instead of the new
 * file.
 */
async function removeShards(folder: string): Promise<void> {
  const index = join(folder, INDEX);
  if (!(await exists(index))) return;
  // An unreadable index names no shards, but is removed anyway.
  const map = await readWeightMap(index).catch(() => new Map<string, string>());
  const shards = new Set(map.values());
  shards.delete(WEIGHTS);
  for (const shard of shards) await rm(join(folder, shard), { force: true });
  await rm(index, { force: true });
}
