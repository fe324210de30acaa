/** A model small enough to be opened for each test. */
import type { ModelConfig } from '../models/config.js';

export const TINY: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: 41,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headSize: 8,
  contextLength: 128,
  ropeTheta: 10_000,
  rmsNormEpsilon: 1e-6,
  tieWordEmbeddings: true,
};
