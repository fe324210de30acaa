/**
 * The embedded model that reads BABILong (models/embedded.ts): stories hidden in books, memories in words, and a token
 * that keeps a memory as it is.
 */
import type { RunConfigInput, SftConfigInput } from '../../train/config.js';
import type { Preset } from './preset.js';

/** A chunk is a few sentences, which are kept whole: half a fact is none, and several at once are hard to follow. */
const memory = {
  questionTokens: 16,
  chunkTokens: 64,
  memoryTokens: 40,
  answerTokens: 8,
  align: 'sentence',
  prompts: 'babi',
} as const;

export const BABILONG_WARM_UP: SftConfigInput = {
  seed: 1,
  data: {
    kind: 'babilong',
    // Long stories of several persons and objects need most practice.
    tasks: ['qa1', 'qa2', 'qa2', 'qa3', 'qa3', 'qa3', 'qa3', 'qa4', 'qa4', 'qa5', 'qa5', 'qa5'],
    chunks: [2, 48],
    leastChunkTokens: 20,
    decoys: 0.3,
    nearFacts: 0.2,
    fragments: 0.15,
    seed: 1,
    trainingSeed: 1,
  },
  memory,
  steps: 10_000,
  batchSize: 64,
  learningRate: 2e-3,
  warmupSteps: 200,
  cooldownSteps: 9_800,
  filteredShare: 0.1,
  changingShare: 0.6,
  balanceChanges: true,
  evaluation: { every: 0, questions: 200 },
  checkpointEvery: 100,
};

export const BABILONG_REINFORCEMENT: RunConfigInput = {
  // A teacher that sees only what turns out to give the answer forbids noting anything in advance.
  data: { kind: 'babilong', chunks: [16, 16], relevant: 'needed', seed: 2 },
  memory,
  steps: 40,
  questionsPerStep: 32,
  groupSize: 8,
  learningRate: 2e-4,
  evaluation: { every: 10, questions: 200 },
};

export const babilong: Preset = {
  name: 'babilong',
  summary: 'a model of 1.4 million parameters on BABILong: bAbI stories hidden in books, 16 chunks of 64 tokens',
  train: { ...BABILONG_REINFORCEMENT, model: 'babi' },
  sft: { ...BABILONG_WARM_UP, model: 'babi-random', evaluation: { every: 2000, questions: 200 } },
};
