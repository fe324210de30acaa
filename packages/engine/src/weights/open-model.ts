/** Opens a model from its source: a folder, a GGUF file, an adapter's folder with its base, or random weights. */
import { isAbsolute, join, resolve } from 'node:path';
import { EngineError } from '../errors.js';
import { type AdapterOptions, adapterOf, newAdapter, withoutAdapter } from '../models/adapter.js';
import type { ModelConfig } from '../models/config.js';
import type { ParameterSet } from '../models/parameters.js';
import { holdsAdapter, namedBase, readAdapter } from './adapter-files.js';
import { exists } from './files.js';
import { loadPretrained, type Pretrained } from './pretrained.js';
import { readAuxiliary } from './pretrained-files.js';
import { randomParameters } from './random.js';

/** A model folder, a GGUF file, an adapter's folder, or random weights of a given shape. */
export type ModelSource =
  | { path: string }
  | { config: ModelConfig; seed: number; standardDeviation?: number; files?: Record<string, Uint8Array> };

/** What `config.adapter` describes. */
export interface OpenedAdapter {
  /** By the names of `adapterShapes`. */
  parameters: ParameterSet;
  /** How saved adapters name their base; absent for random weights. */
  baseName?: string;
}

export interface OpenedModel extends Pretrained {
  adapter?: OpenedAdapter;
}

/**
 * A folder that holds nothing but an adapter is opened with the base that it names.
 * @throws EngineError as `loadPretrained`, `adapterOf` and `readAdapter`.
 */
export async function openModel(source: ModelSource, options?: AdapterOptions): Promise<OpenedModel> {
  if (!('path' in source)) {
    const model = randomModel(source);
    return withAdapter(
      model,
      `the random ${source.config.architecture}`,
      options?.base,
      options ?? source.config.adapter,
    );
  }
  const { path } = source;
  if (!(await holdsAdapter(path))) {
    return withAdapter(await loadPretrained(path), path, options?.base ?? resolve(path), options);
  }
  if (options) {
    throw new EngineError(
      'invalid-argument',
      `${path} already holds an adapter, and training would continue it. Remove the adapter settings, or open the base model to start a new adapter.`,
      { file: path, expected: 'a base model', found: 'an adapter' },
    );
  }
  const { stated, place } = await findBase(path);
  const base = await loadPretrained(place);
  // Programs that train adapters save the tokenizer and chat template next to them.
  const auxiliary = new Map([...base.files.auxiliary, ...(await readAuxiliary(path))]);
  return withAdapter({ ...base, files: { ...base.files, auxiliary } }, place, stated, { path });
}

function randomModel({
  config,
  seed,
  standardDeviation,
  files = {},
}: Exclude<ModelSource, { path: string }>): Pretrained {
  const plain = withoutAdapter(config);
  const parameters = randomParameters(plain, seed, { standardDeviation });
  return { config: plain, parameters, files: { auxiliary: new Map(Object.entries(files)), eosTokenIds: [] } };
}

async function withAdapter(
  model: Pretrained,
  name: string,
  baseName: string | undefined,
  options: AdapterOptions | undefined,
): Promise<OpenedModel> {
  if (!options) return model;
  const { path, rank } = options;
  if (path !== undefined && rank !== undefined) {
    throw new EngineError(
      'invalid-argument',
      `The adapter has both a path (${path}) and a rank (${rank}): give the path to continue a saved adapter, or the rank to start a new one.`,
      { expected: 'a path or a rank', found: 'both' },
    );
  }
  if (options.path !== undefined) {
    const base = { config: model.config, parameters: model.parameters, name };
    const { adapter, parameters } = await readAdapter(options.path, base);
    return { ...model, config: { ...model.config, adapter }, adapter: { parameters, baseName } };
  }
  const config = { ...model.config, adapter: adapterOf(model.config, options) };
  return { ...model, config, adapter: { parameters: newAdapter(config, options.seed ?? 0), baseName } };
}

/** The base that the adapter in `folder` names, as a path from there or from the working folder. */
async function findBase(folder: string): Promise<{ stated: string; place: string }> {
  const stated = await namedBase(folder);
  const advice = 'Give the base as the model and this folder as the path of its adapter.';
  if (stated === undefined) {
    throw new EngineError('file', `The adapter in ${folder} does not name its base. ${advice}`, {
      file: folder,
      expected: 'base_model_name_or_path',
      found: 'nothing',
    });
  }
  const places = isAbsolute(stated) ? [stated] : [join(folder, stated), resolve(stated)];
  for (const place of places) if (await exists(place)) return { stated, place };
  throw new EngineError(
    'file',
    `The adapter in ${folder} belongs to "${stated}", which is not on this machine: there is nothing at ${places.join(' or ')}. ${advice}`,
    { file: folder, expected: stated, found: 'nothing' },
  );
}
