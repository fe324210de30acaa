/** Models by name: those that ship with the package, and those that are made from nothing. Everything else is a path. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { miniTokenizer, miniTokenizerFiles } from '../data/mini/tokenizer.js';
import { MINI_EOS, MINI_PAD, MINI_VOCABULARY } from '../data/mini/vocabulary.js';
import type { LocalModel, ModelConfig } from '../policy/engine.js';
import { ModelError } from './errors.js';

/** The warm start that ships with the package, and random weights of the same shape. */
export const MODEL_NAMES = ['mini', 'mini-random'] as const;

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

/** Seed of its first weights. */
export const MINI_MODEL_SEED = 1;

/** Folder of the embedded warm start. The same from src/ and from dist/. */
export const EMBEDDED_MINI = fileURLToPath(new URL('../../models/mini', import.meta.url));

/**
 * What the engine opens for a configuration's `model`. `seed` makes the weights of models from nothing.
 * @throws ModelError `missing` saying what was looked for and what to do.
 */
export async function modelSource(model: string, seed: number): Promise<LocalModel> {
  if (model === 'mini-random') return { config: MINI_MODEL, seed, files: miniFiles() };
  const path = model === 'mini' ? EMBEDDED_MINI : model;
  const place = await stat(path).catch(() => undefined);
  if (model === 'mini') {
    if (place && (await stat(join(path, 'model.safetensors')).catch(() => undefined))) return path;
    throw new ModelError(
      'missing',
      `The embedded model is missing: expected model.safetensors in ${path}. Make it with "tamtrl sft --preset mini --out DIR" and give --model DIR/checkpoints/final, or install the package again.`,
    );
  }
  if (!place) {
    throw new ModelError(
      'missing',
      `There is no model at ${model}: expected a model folder, a .gguf file, or one of the names ${MODEL_NAMES.join(', ')}.`,
    );
  }
  return path;
}

/** What lies beside the weights of a mini model. */
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
