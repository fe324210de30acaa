/**
 * The embedded default: a Qwen3-shaped model of 0.16 million parameters that reads scattered facts. Its shape and its settings stand in
 * train/mini-preset.ts; here are the presets made of them.
 */
import { MINI_REINFORCEMENT, MINI_WARM_UP } from '../train/mini-preset.js';
import type { Preset } from './preset.js';

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
  summary: 'the embedded model on 8 chunks of 3 facts: outcome reward is sparse, turn rewards have work to do',
  train: {
    ...MINI_REINFORCEMENT,
    model: 'mini',
    data: { ...MINI_REINFORCEMENT.data, kind: 'mini', chunks: 8, factsPerChunk: 3 },
    // Three facts of two tokens.
    memory: { ...MINI_REINFORCEMENT.memory, chunkTokens: 6 },
  },
};
