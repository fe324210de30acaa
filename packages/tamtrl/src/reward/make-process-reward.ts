/**
 * Makes the process reward model of a run: the initial model reads training questions, its memories are labelled from the annotation,
 * and a copy of it learns to tell good ones from bad ones. It is made again when a run is resumed, and comes out the same.
 */

import { percent } from '../base/format.js';
import { streamSeed } from '../base/seeds.js';
import { type ExampleSource, exampleAt } from '../data/examples.js';
import { runAgent } from '../memory/agent.js';
import { PromptFrames } from '../memory/frames.js';
import { promptFormatNamed } from '../memory/prompts.js';
import type { LocalPolicy } from '../policy/local.js';
import type { RunConfig } from '../train/config.js';
import type { RolloutGroup } from './group.js';
import { type LabelledMemory, labelledMemories, ProcessRewardModel } from './process-reward.js';

export interface ProcessRewardParts {
  /** Whose memories are labelled: the policy before training. */
  policy: LocalPolicy;
  /** Learns to judge. */
  own: LocalPolicy;
  config: RunConfig;
  train: ExampleSource;
  signal: AbortSignal;
  note: (text: string) => void;
  /** Default: by the size of the model. */
  settings?: ProcessRewardSettings;
}

export interface ProcessRewardSettings {
  /** Whose rollouts are labelled. */
  questions: number;
  steps: number;
  batchSize: number;
  learningRate: number;
}

/** Small models need more and larger steps than pretrained ones; the border is far from both. */
const SMALL = 10_000_000;
const SETTINGS: Record<'small' | 'pretrained', ProcessRewardSettings> = {
  small: { questions: 128, steps: 300, batchSize: 64, learningRate: 1e-3 },
  pretrained: { questions: 16, steps: 30, batchSize: 8, learningRate: 1e-5 },
};
/** One question in so many tests what is learned from the others. */
const TEST_EVERY = 5;

/** @throws RewardError `labels` if all memories are good, or all bad. */
export async function makeProcessReward(parts: ProcessRewardParts): Promise<ProcessRewardModel> {
  const { policy, own, config, signal, note } = parts;
  const bySize = own.engine.parameters < SMALL ? SETTINGS.small : SETTINGS.pretrained;
  const { questions, ...training } = parts.settings ?? bySize;
  note(`Training a process reward model on memories of ${questions} questions.`);
  const groups = await rollouts(parts, questions);
  const labelled = (test: boolean): LabelledMemory[] =>
    labelledMemories(
      groups.filter((_, at) => (at % TEST_EVERY === 0) === test),
      { policy },
    );
  const format = promptFormatNamed(config.memory.prompts);
  const model = new ProcessRewardModel(own, format, { evidenceTokens: config.memory.chunkTokens });
  const seed = streamSeed(config.seed, 'process reward model');
  await model.train(labelled(false), { ...training, seed, signal });
  const test = labelled(true);
  const { all, good, bad } = await model.accuracy(test);
  const share = (value: number) => (Number.isNaN(value) ? 'none' : percent(value));
  note(
    `Process reward model: ${percent(all)} of ${test.length} held-out memories told right (good ones ${share(good)}, bad ones ${share(bad)}).`,
  );
  return model;
}

async function rollouts({ policy, config, train, signal }: ProcessRewardParts, count: number): Promise<RolloutGroup[]> {
  const { memory, seed, temperature, topP, groupSize } = config;
  const numbers = Array.from({ length: Math.min(count, train.size) }, (_, at) => at);
  const examples = await Promise.all(numbers.map((at) => exampleAt(train, seed, at)));
  const frames = new PromptFrames(policy, promptFormatNamed(memory.prompts));
  const tasks = examples.map(({ id, question, chunks }, at) => {
    return { id, question, chunks, samples: groupSize, seed: streamSeed(seed, 'process reward rollouts', at) };
  });
  const options = { frames, budgets: memory, empty: memory.empty, temperature, topP, seed, signal } as const;
  const trajectories = await runAgent(policy, tasks, { ...options, keep: 'memories' });
  return examples.map(({ id, question, answers, filteredChunks, quality }, at) => {
    return { id, question, answers, filteredChunks, quality, trajectories: trajectories[at], outcomes: [] };
  });
}
