/** The model that ships with the package, and random weights of its shape. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exists } from '../base/files.js';
import { miniTokenizer, miniTokenizerFiles } from '../data/mini/tokenizer.js';
import { MINI_EOS, MINI_PAD, MINI_VOCABULARY } from '../data/mini/vocabulary.js';
import type { LocalModel, ModelConfig } from '../policy/engine.js';
import { ModelError } from './errors.js';

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

/** Seed of its initial weights. */
export const MINI_MODEL_SEED = 1;

/** Folder of the embedded model. The relative path is the same from src/ and from dist/. */
export const EMBEDDED_MINI = fileURLToPath(new URL('../../models/mini', import.meta.url));

/** @throws ModelError `missing` if the package is incomplete. */
export async function embeddedModel(): Promise<string> {
  if (await exists(join(EMBEDDED_MINI, 'model.safetensors'))) return EMBEDDED_MINI;
  throw new ModelError(
    'missing',
    `The embedded model is missing: expected model.safetensors in ${EMBEDDED_MINI}. Make it with ` +
      '"tamtrl sft --preset mini --out DIR" and give --model DIR/checkpoints/final, or install the package again.',
  );
}

/** The embedded model's shape with random weights, and its tokenizer. */
export function randomModel(seed: number): Exclude<LocalModel, string> {
  return { config: MINI_MODEL, seed, files: miniFiles() };
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
