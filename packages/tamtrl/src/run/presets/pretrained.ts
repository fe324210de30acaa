/** Presets for pretrained models and real questions. */
import type { Preset } from './preset.js';

/**
 * Small enough for a CPU: few questions a step, short chunks. F1 as outcome, since a model of this size seldom answers
 * exactly and a reward that is always 0 teaches nothing.
 */
export const smollm2: Preset = {
  name: 'smollm2-135m',
  summary: 'SmolLM2-135M-Instruct on question records (--data), chunks of 512 tokens; runs on a CPU',
  bringModel: {
    name: 'SmolLM2-135M-Instruct',
    why: 'its weights (about 100 MB as a Q4 GGUF file) do not ship with the package',
  },
  train: {
    data: { kind: 'records' },
    memory: {
      questionTokens: 128,
      chunkTokens: 512,
      memoryTokens: 64,
      answerTokens: 32,
      prompts: 'chat',
      // Nearly all of what is relevant stays: of 146 MuSiQue records one loses some of it, of 192 HotpotQA records
      // none.
      maxChunks: 8,
    },
    questionsPerStep: 2,
    groupSize: 4,
    // At 1, a model of this size strays from the question.
    temperature: 0.7,
    steps: 10,
    learningRate: 1e-5,
    // So few steps do not lead far from the start; the reference would cost a pass and a copy of the weights.
    klCoefficient: 0,
    dynamicSampling: { maxRounds: 1 },
    reward: { outcome: { metric: 'f1' } },
    evaluation: { every: 5, questions: 8, batch: 8 },
  },
};

/**
 * Set-up of arXiv 2603.21663: 800 steps of 32 questions x 8 rollouts, constant learning rate 1e-6, AdamW 0.9/0.95, KL
 * 1e-3, thinking off, a window of 8 K tokens with 1,024 for the question, 5,000 for the chunk and 1,024 for the memory.
 * At most 8 chunks of a document are MemAgent's.
 */
const PAPER = {
  data: { kind: 'records' },
  thinking: false,
  memory: {
    questionTokens: 1024,
    chunkTokens: 5000,
    memoryTokens: 1024,
    answerTokens: 1024,
    maxChunks: 8,
    prompts: 'chat',
  },
  questionsPerStep: 32,
  groupSize: 8,
  learningRate: 1e-6,
  klCoefficient: 1e-3,
  optimizer: { beta1: 0.9, beta2: 0.95 },
  steps: 800,
  evaluation: { every: 10, questions: 128 },
} as const;

function paper(size: string): Preset {
  return {
    name: `paper-${size}`,
    summary: `the paper's settings for Qwen3-${size.toUpperCase()}; meant for GPUs`,
    bringModel: {
      name: `Qwen3-${size.toUpperCase()}`,
      why: 'it is meant for a server with GPUs that samples and trains',
    },
    train: PAPER,
  };
}

export const paperPresets: readonly Preset[] = [paper('0.6b'), paper('1.7b')];
