/** The files that come with the weights in a Hugging Face folder: tokenizer, chat template, token ids of generation. */
import { join } from 'node:path';
import { type JsonObject, parseJsonObject } from '../json.js';
import { readIfPresent } from './files.js';
import type { GgufMetadata } from './gguf-model.js';
import { ggufTokenizer } from './gguf-tokenizer.js';

/** Everything besides configuration and weights that is needed to write the folder again. */
export interface PretrainedFiles {
  /** Contents by file name: tokenizer.json, tokenizer_config.json, generation_config.json, … */
  auxiliary: Map<string, Uint8Array>;
  /** Tokens that end a text; empty if the folder does not say. */
  eosTokenIds: number[];
  bosTokenId?: number;
  padTokenId?: number;
}

const AUXILIARY_NAMES = [
  'tokenizer.json',
  'tokenizer_config.json',
  'generation_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'tokenizer.model',
  'vocab.json',
  'merges.txt',
];

type TokenIds = Pick<PretrainedFiles, 'eosTokenIds' | 'bosTokenId' | 'padTokenId'>;

function ids(value: unknown): number[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((id): id is number => typeof id === 'number' && Number.isInteger(id) && id >= 0);
}

/** Token ids that several files may give; the first file that does so counts. */
function tokenIds(sources: readonly JsonObject[]): TokenIds {
  const first = (key: string) => sources.map((json) => ids(json[key])).find((found) => found.length > 0) ?? [];
  return {
    eosTokenIds: first('eos_token_id'),
    bosTokenId: first('bos_token_id')[0],
    padTokenId: first('pad_token_id')[0],
  };
}

/** Token ids from generation_config.json (among `auxiliary`), or else from `config` (content of a config.json). */
export function statedTokenIds(
  folder: string,
  auxiliary: ReadonlyMap<string, Uint8Array>,
  config: JsonObject = {},
): TokenIds {
  const name = 'generation_config.json';
  const bytes = auxiliary.get(name);
  return tokenIds(bytes === undefined ? [config] : [parseJsonObject(join(folder, name), bytes), config]);
}

/** Contents of the auxiliary files of a folder by name; none of them is required. */
export async function readAuxiliary(folder: string): Promise<Map<string, Uint8Array>> {
  const auxiliary = new Map<string, Uint8Array>();
  for (const name of AUXILIARY_NAMES) {
    const bytes = await readIfPresent(join(folder, name));
    if (bytes !== undefined) auxiliary.set(name, bytes);
  }
  return auxiliary;
}

/** The auxiliary files of a folder and the token ids that they state. */
export async function readPretrainedFiles(folder: string, config: JsonObject): Promise<PretrainedFiles> {
  const auxiliary = await readAuxiliary(folder);
  return { auxiliary, ...statedTokenIds(folder, auxiliary, config) };
}

/** The same files made from the metadata of a GGUF file. */
export function filesOfGguf(metadata: GgufMetadata): PretrainedFiles {
  const { tokenizer, config, generationConfig, eosTokenIds, bosTokenId, padTokenId } = ggufTokenizer(metadata);
  const contents = {
    'tokenizer.json': tokenizer,
    'tokenizer_config.json': config,
    'generation_config.json': generationConfig,
  };
  const auxiliary = new Map<string, Uint8Array>();
  for (const [name, content] of Object.entries(contents)) {
    auxiliary.set(name, new TextEncoder().encode(`${JSON.stringify(content, undefined, 2)}\n`));
  }
  return { auxiliary, eosTokenIds, bosTokenId, padTokenId };
}
