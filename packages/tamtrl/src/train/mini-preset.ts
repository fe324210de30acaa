/**
 * The embedded model's shape, how its warm start is made, and how it is trained from there. The warm start stops where supervised
 * learning has only begun to succeed (held-out exact match about a quarter), so that reinforcement has something to reward and room.
 */
import type { ModelConfig } from '@tamtrl/engine';
import { miniTokenizer } from '../data/mini/tokenizer.js';
import type { RunConfigInput, SftConfigInput } from './config.js';

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

export const MINI_MODEL_SEED = 1;

const data = { kind: 'mini', chunks: 4, factsPerChunk: 6, queries: 3 } as const;
/** A question and its end, six facts of two tokens, three slots of two tokens with slack, three values with slack. */
const memory = { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6, prompts: 'mini' } as const;

export const MINI_WARM_UP: SftConfigInput = {
  seed: 1,
  data: { ...data, seed: 1 },
  memory,
  steps: 1250,
  batchSize: 64,
  learningRate: 2e-3,
  warmupSteps: 50,
  filteredShare: 0.1,
  evaluation: { every: 0, questions: 256 },
  checkpointEvery: 1250,
};

/** Other questions than those of the warm start. */
export const MINI_REINFORCEMENT: RunConfigInput = {
  data: { ...data, seed: 2 },
  memory,
  steps: 40,
  questionsPerStep: 32,
  groupSize: 8,
  learningRate: 5e-4,
  evaluation: { every: 10, questions: 256 },
};
