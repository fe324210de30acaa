/**
 * The process reward method. Before the first step the initial model reads training questions, its memories are
 * labelled from the annotation, and a copy of it learns to tell good ones from bad ones (process-reward.ts). That copy
 * scores the memories of the run. It is trained again when a run is resumed, and comes out the same.
 */
import { percent } from '../base/format.js';
import { streamSeed } from '../base/seeds.js';
import { exampleAt } from '../data/examples.js';
import { runAgent } from '../memory/agent.js';
import { LocalPolicy } from '../policy/local.js';
import type { Policy } from '../policy/types.js';
import { RewardError } from './errors.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext, OptionShape, PreparationContext, RewardMethod } from './method.js';
import { type LabelledMemory, labelledMemories, ProcessRewardModel } from './process-reward.js';

export const prm = {
  name: 'prm',
  summary: 'process reward model: a trained classifier judges each memory',
  documentation:
    'p_t = P("the memory is complete" | q, C_1 … C_t, M_t+1), by a copy of the initial model that is trained before the \
first step on memories of training questions (_ours_). A memory is labelled complete if it holds every needed fact so far. \
The run reports how many held-out memories the classifier gets right.',
  requires: { relevance: true, copy: true },
  prepare: (context: PreparationContext) => makeProcessReward(context),
  turnScores: (groups: readonly RolloutGroup[], context: MethodContext<OptionShape, ProcessRewardModel>) =>
    context.prepared.scoreGroups(groups, context),
} satisfies RewardMethod<OptionShape, ProcessRewardModel>;

export interface ProcessRewardSettings {
  /** Whose rollouts are labelled. */
  questions: number;
  steps: number;
  batchSize: number;
  learningRate: number;
}

/** Small models need more and larger steps than pretrained ones; the limit, in parameters, is far from both. */
const SMALL = 10_000_000;
const SETTINGS: Record<'small' | 'pretrained', ProcessRewardSettings> = {
  small: { questions: 128, steps: 300, batchSize: 64, learningRate: 1e-3 },
  pretrained: { questions: 16, steps: 30, batchSize: 8, learningRate: 1e-5 },
};
/** Every fifth question is held out to test what is learned from the others. */
const TEST_EVERY = 5;

/**
 * @param settings default: by the size of the model
 * @throws RewardError `requirement` if the model is not a local one; `labels` if all memories are good, or all bad.
 */
export async function makeProcessReward(
  context: PreparationContext,
  settings?: ProcessRewardSettings,
): Promise<ProcessRewardModel> {
  const { policy, frames, budgets, signal, note } = context;
  requireLocal(policy);
  const own = requireLocal(await context.openCopy());
  if (own === policy) {
    throw new RewardError(
      'requirement',
      'The method prm needs a copy of the model, and openCopy gave the policy itself.',
    );
  }
  const bySize = own.engine.parameters < SMALL ? SETTINGS.small : SETTINGS.pretrained;
  const { questions, ...training } = settings ?? bySize;
  note(`Training a process reward model on memories of ${questions} questions.`);
  const groups = await rollouts(context, questions);
  const labelled = (test: boolean): LabelledMemory[] =>
    labelledMemories(
      groups.filter((_, at) => (at % TEST_EVERY === 0) === test),
      { policy },
    );
  const model = new ProcessRewardModel(own, frames.format, { evidenceTokens: budgets.chunkTokens });
  await model.train(labelled(false), { ...training, seed: streamSeed(context.seed, 'process reward model'), signal });
  const test = labelled(true);
  const { all, good, bad } = await model.accuracy(test);
  const share = (value: number) => (Number.isNaN(value) ? 'none' : percent(value));
  note(
    `Process reward model: ${percent(all)} of ${test.length} held-out memories told right (good ones ${share(good)}, bad ones ${share(bad)}).`,
  );
  return model;
}

function requireLocal(policy: Policy): LocalPolicy {
  if (policy instanceof LocalPolicy) return policy;
  throw new RewardError(
    'requirement',
    `The method prm trains a classifier beside the policy, which takes a local model; ${policy.name} is not one.`,
  );
}

/** The first `count` training questions of the run, read by the initial policy; only memories are kept. */
async function rollouts(context: PreparationContext, count: number): Promise<RolloutGroup[]> {
  const { policy, frames, budgets, empty, temperature, topP, groupSize, train, seed, signal } = context;
  const numbers = Array.from({ length: Math.min(count, train.size) }, (_, at) => at);
  const examples = await Promise.all(numbers.map((at) => exampleAt(train, seed, at)));
  const tasks = examples.map(({ id, question, chunks }, at) => {
    return { id, question, chunks, samples: groupSize, seed: streamSeed(seed, 'process reward rollouts', at) };
  });
  const trajectories = await runAgent(policy, tasks, {
    frames,
    budgets,
    empty,
    temperature,
    topP,
    seed,
    signal,
    keep: 'memories',
  });
  return examples.map(({ id, question, answers, filteredChunks, quality }, at) => {
    return { id, question, answers, filteredChunks, quality, trajectories: trajectories[at], outcomes: [] };
  });
}
