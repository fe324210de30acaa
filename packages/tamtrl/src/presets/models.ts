/** Models by name: those that ship with the package, and those that are made from nothing. Everything else is a path. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EngineOptions } from '@tamtrl/engine';
import { miniTokenizerFiles } from '../data/mini/tokenizer.js';
import { MINI_EOS, MINI_PAD, MINI_VOCABULARY } from '../data/mini/vocabulary.js';
import { MINI_MODEL } from '../train/mini-preset.js';

/** The warm start that ships with the package, and random weights of the same shape. */
export const MODEL_NAMES = ['mini', 'mini-random'] as const;

/** Folder of the embedded warm start. The same from src/ and from dist/. */
export const EMBEDDED_MINI = fileURLToPath(new URL('../../models/mini', import.meta.url));

/** A model that is not where it should be. */
export class ModelMissingError extends Error {
  override readonly name = 'ModelMissingError';
}

/**
 * What the engine opens for a configuration's `model`. `seed` makes the weights of models from nothing.
 * @throws ModelMissingError saying what was looked for and what to do.
 */
export async function modelSource(model: string, seed: number): Promise<EngineOptions['model']> {
  if (model === 'mini-random') return { config: MINI_MODEL, seed, files: miniFiles() };
  const path = model === 'mini' ? EMBEDDED_MINI : model;
  const place = await stat(path).catch(() => undefined);
  if (model === 'mini') {
    if (place && (await stat(join(path, 'model.safetensors')).catch(() => undefined))) return path;
    throw new ModelMissingError(
      `The embedded model is missing: expected model.safetensors in ${path}. Make it with "tamtrl sft --preset mini --out DIR" and give --model DIR/checkpoints/final, or install the package again.`,
    );
  }
  if (!place) {
    throw new ModelMissingError(
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
