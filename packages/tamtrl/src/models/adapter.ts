/**
 * Folders that hold an adapter alone, as PEFT and trained models' `adapter` folders do, and the base that they name.
 */
import { isAbsolute, join, resolve } from 'node:path';
import { exists, readIfThere } from '../base/files.js';
import { ModelError } from './errors.js';
import { MODEL_NAMES, parseModelSpec } from './spec.js';

const ADAPTER_CONFIG = 'adapter_config.json';

export interface AdapterFolder {
  folder: string;
  /** As the adapter names it. */
  baseName: string;
  /** Address of the base. */
  base: string;
}

/**
 * The base of an adapter's folder; undefined for every other folder.
 * @throws ModelError `missing` if the base is neither here nor on the hub.
 */
export async function adapterAt(folder: string): Promise<AdapterFolder | undefined> {
  const path = join(folder, ADAPTER_CONFIG);
  const text = await readIfThere(path);
  if (text === undefined || (await exists(join(folder, 'config.json')))) return undefined;
  const baseName = nameIn(text);
  if (baseName === undefined) {
    throw new ModelError(
      'missing',
      `${path} should name the adapter's base under "base_model_name_or_path", but does not. Write its folder or its name on the hub there.`,
    );
  }
  return { folder, baseName, base: await addressOf(folder, baseName) };
}

function nameIn(text: string): string | undefined {
  try {
    const { base_model_name_or_path: name } = JSON.parse(text) as { base_model_name_or_path?: unknown };
    return typeof name === 'string' && name !== '' ? name : undefined;
  } catch {
    return undefined;
  }
}

async function addressOf(folder: string, name: string): Promise<string> {
  if ((MODEL_NAMES as readonly string[]).includes(name)) return name;
  const places = isAbsolute(name) ? [name] : [join(folder, name), resolve(name)];
  for (const place of places) if (await exists(place)) return place;
  if (/^[\w.-]+\/[\w.-]+$/.test(name)) return `hf:${name}`;
  throw new ModelError(
    'missing',
    `The adapter in ${folder} belongs to ${name}, and there is no model at ${places.join(' or ')}. Put the base there, or write its path into ${join(folder, ADAPTER_CONFIG)}.`,
  );
}

/** How an adapter trained on a model names its base, so that PEFT and `adapterAt` find it. */
export function baseNameOf(address: string): string {
  const spec = parseModelSpec(address);
  if (spec.kind === 'hub' && spec.revision === undefined && spec.file === undefined) return spec.repository;
  return spec.kind === 'folder' || spec.kind === 'gguf' ? resolve(spec.path) : address;
}
