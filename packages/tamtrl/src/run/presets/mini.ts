/**
 * The embedded default: a model of 0.16 million parameters (models/embedded.ts) that reads scattered facts. Its warm
 * start stops when supervised learning is only starting to succeed (held-out exact match about a quarter), so that
 * reinforcement has something to reward and room.
 */
import type { RunConfigInput, SftConfigInput } from '../../train/config.js';
import type { Preset } from './preset.js';

const data = { kind: 'mini', chunks: 4, factsPerChunk: 6, queries: 3 } as const;
/** A question and its end, six facts of two tokens, three slots of two tokens with slack, three values with slack. */
const memory = { questionTokens: 5, chunkTokens: 12, memoryTokens: 10, answerTokens: 6, prompts: 'mini' } as const;

export const MINI_WARM_UP: SftConfigInput = {
  seed: 1,
  // The shipped warm start is made from these questions, whatever the seed of the run.
  data: { ...data, seed: 1, trainingSeed: 1 },
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

export const mini: Preset = {
  name: 'mini',
  summary: 'the embedded model on scattered facts, 4 chunks of 6; from warm start to a better agent in minutes',
  train: { ...MINI_REINFORCEMENT, model: 'mini' },
  sft: {
    ...MINI_WARM_UP,
    model: 'mini-random',
    // When a run is saved and judged changes nothing in what it learns.
    evaluation: { every: 250, questions: 256 },
    checkpointEvery: 50,
  },
};

/** Eight updates, of which each can lose a fact: the outcome alone says little about which one did. */
export const miniLong: Preset = {
  name: 'mini-long',
  summary: 'the embedded model on 8 chunks of 3 facts: the outcome reward is sparse, so turn rewards matter',
  train: {
    ...MINI_REINFORCEMENT,
    model: 'mini',
    data: { ...MINI_REINFORCEMENT.data, kind: 'mini', chunks: 8, factsPerChunk: 3 },
    // Three facts of two tokens.
    memory: { ...MINI_REINFORCEMENT.memory, chunkTokens: 6 },
  },
};
