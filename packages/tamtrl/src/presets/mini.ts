/**
 * The embedded default: a Qwen3-shaped model of 0.16 million parameters that reads scattered facts. `npm start` goes from the warm start
 * that ships with the package to a better agent in minutes on two cores.
 */
import type { ModelConfig } from '@tamtrl/engine';
import { MINI_VOCABULARY } from '../data/mini/vocabulary.js';
import type { Preset } from './preset.js';

/** Shape of the model. The window has room for chunks of 80 facts. */
export const MINI_SHAPE: ModelConfig = {
  architecture: 'qwen3',
  vocabularySize: MINI_VOCABULARY.length,
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

/** A question is three keys, a memory three slots of two tokens and an end; a little more lets a model go wrong. */
const BUDGETS = { questionTokens: 5, memoryTokens: 10, answerTokens: 6, prompts: 'mini' } as const;
const GROUPS = { questionsPerStep: 32, groupSize: 8 } as const;

/** Two tokens a fact. */
const SHORT = {
  data: { kind: 'mini', chunks: 4, factsPerChunk: 6, queries: 3 },
  memory: { ...BUDGETS, chunkTokens: 12 },
} as const;

/** Eight updates, of which each can lose a fact: the outcome alone says little about which one did. */
const LONG = {
  data: { kind: 'mini', chunks: 8, factsPerChunk: 3, queries: 3 },
  memory: { ...BUDGETS, chunkTokens: 6 },
} as const;

export const mini: Preset = {
  name: 'mini',
  summary: 'the embedded model on scattered facts, 4 chunks of 6; from warm start to a better agent in minutes',
  train: {
    ...SHORT,
    ...GROUPS,
    model: 'mini',
    steps: 50,
    learningRate: 2e-4,
    evaluation: { every: 10, questions: 500, batch: 125 },
  },
  sft: {
    ...SHORT,
    model: 'mini-random',
    steps: 1200,
    batchSize: 64,
    learningRate: 2e-3,
    warmupSteps: 50,
    cooldownSteps: 300,
    filteredShare: 0.25,
    evaluation: { every: 200, questions: 500, batch: 125 },
    checkpointEvery: 100,
  },
};

export const miniLong: Preset = {
  name: 'mini-long',
  summary: 'the embedded model on 8 chunks of 3 facts: outcome reward is sparse, turn rewards have work to do',
  train: {
    ...LONG,
    ...GROUPS,
    model: 'mini',
    steps: 50,
    learningRate: 2e-4,
    evaluation: { every: 10, questions: 500, batch: 125 },
  },
};
