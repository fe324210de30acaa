/** The models that ship with the package, and random weights of their shapes. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists } from '../base/files.js';
import { BABI_MARKS, BABI_VOCABULARY_SIZE } from '../data/babi/marks.js';
import { miniTokenizer, miniTokenizerFiles } from '../data/mini/tokenizer.js';
import { MINI_EOS, MINI_PAD, MINI_VOCABULARY } from '../data/mini/vocabulary.js';
import type { LocalModel, ModelConfig } from '../policy/engine.js';
import { ModelError } from './errors.js';
import type { EmbeddedName } from './spec.js';

/** Shape of the embedded model: 0.16 million parameters. */
export const MINI_MODEL: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: miniTokenizer().vocabularySize,
  hiddenSize: 64,
  intermediateSize: 192,
  layers: 3,
  heads: 4,
  keyValueHeads: 2,
  headSize: 16,
  contextLength: 256,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};

/** Shape of the model that reads BABILong: 1.4 million parameters, of which half a million are the vocabulary. */
export const BABI_MODEL: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: BABI_VOCABULARY_SIZE,
  hiddenSize: 128,
  intermediateSize: 384,
  layers: 4,
  heads: 4,
  keyValueHeads: 4,
  headSize: 32,
  contextLength: 1024,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};

/** Seed of its initial weights. */
export const MINI_MODEL_SEED = 1;

/** Folders of the embedded models. The relative paths are the same from src/ and from dist/. */
export const EMBEDDED_MINI = fileURLToPath(new URL('../../models/mini', import.meta.url));
export const EMBEDDED_BABI = fileURLToPath(new URL('../../models/babi', import.meta.url));

const EMBEDDED: Record<EmbeddedName, { folder: string; preset: string }> = {
  mini: { folder: EMBEDDED_MINI, preset: 'mini' },
  babi: { folder: EMBEDDED_BABI, preset: 'babilong' },
};

export const embeddedFolder = (name: EmbeddedName): string => EMBEDDED[name].folder;

/** @throws ModelError `missing` if the package is incomplete. */
export async function embeddedModel(name: EmbeddedName): Promise<string> {
  const { folder, preset } = EMBEDDED[name];
  if (await exists(join(folder, 'model.safetensors'))) return folder;
  throw new ModelError(
    'missing',
    `The embedded model "${name}" is missing: expected model.safetensors in ${folder}. Make it with ` +
      `"tamtrl sft --preset ${preset} --out DIR" and give --model DIR/checkpoints/final, or install the package again.`,
  );
}

/** An embedded model's shape with random weights, and its tokenizer. */
export async function randomModel(name: EmbeddedName, seed: number): Promise<Exclude<LocalModel, string>> {
  if (name === 'mini') return { config: MINI_MODEL, seed, files: miniFiles() };
  return { config: BABI_MODEL, seed, files: await babiFiles() };
}

/** Contents of the files beside the weights of a babi model. */
async function babiFiles(): Promise<Record<string, Uint8Array>> {
  const names = ['tokenizer.json', 'tokenizer_config.json'];
  const contents = await Promise.all(names.map((name) => readFile(join(EMBEDDED_BABI, name))));
  const marks = Object.values(BABI_MARKS);
  const generation = {
    eos_token_id: marks.indexOf(BABI_MARKS.eos),
    pad_token_id: marks.indexOf(BABI_MARKS.pad),
  };
  return {
    ...Object.fromEntries(names.map((name, at) => [name, new Uint8Array(contents[at])])),
    'generation_config.json': new TextEncoder().encode(`${JSON.stringify(generation)}\n`),
  };
}

/** Contents of the files that come with the weights of a mini model. */
function miniFiles(): Record<string, Uint8Array> {
  const { tokenizer, config } = miniTokenizerFiles();
  const generation = {
    eos_token_id: MINI_VOCABULARY.indexOf(MINI_EOS),
    pad_token_id: MINI_VOCABULARY.indexOf(MINI_PAD),
  };
  const json = (value: object) => new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  return {
    'tokenizer.json': json(tokenizer),
    'tokenizer_config.json': json(config),
    'generation_config.json': json(generation),
  };
}
