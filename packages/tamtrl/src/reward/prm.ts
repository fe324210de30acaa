/**
 * The process reward method. Before the first step a classifier (process-reward.ts) learns from memories of training
 * questions. These are composed from the documents (composed-memories.ts) and labelled by answer and annotation, so it
 * takes seconds and neither rollouts nor a language model. Nothing of it is saved: a run that is resumed, after a kill
 * too, makes the same classifier again.
 */
import { z } from 'zod';
import { percent } from '../base/format.js';
import { type Example, exampleAt } from '../data/examples.js';
import type { Tokenizer } from '../text/tokenizer.js';
import { composedMemories, type MemoryKind } from './composed-memories.js';
import { RewardError } from './errors.js';
import type { RolloutGroup } from './group.js';
import type { MethodContext, PreparationContext, RewardMethod } from './method.js';
import { type Accuracy, balanceOf, type LabelledMemory, ProcessRewardModel } from './process-reward.js';

const options = {
  processReward: z
    .strictObject({
      /** A memory is good if it holds at least this share of what is needed; default 0.7. */
      threshold: z.number().gt(0).max(1).optional(),
      /** Training questions whose memories the classifier learns from and is tested on; default 256. */
      questions: z.number().int().min(10).optional(),
    })
    .optional(),
};

export const prm = {
  name: 'prm',
  summary: 'process reward model: a trained classifier judges each memory',
  documentation:
    'p_t = P("the memory holds what is needed" | q, C_1 … C_t, M_t+1), by a logistic regression over overlaps of \
words (_ours_; the paper trains a BERT classifier). Before the first step, it learns from memories composed from \
training questions: complete, partial, changed, unrelated, empty and others.',
  options,
  requires: { relevance: true },
  prepare: (context: PreparationContext<typeof options>) => makeProcessReward(context),
  turnScores: async (groups: readonly RolloutGroup[], context: MethodContext<typeof options, ProcessRewardModel>) =>
    context.prepared.scoreGroups(groups, context.policy.tokenizer),
} satisfies RewardMethod<typeof options, ProcessRewardModel>;

export const DEFAULT_THRESHOLD = 0.7;
const QUESTIONS = 256;
/** Fewer cannot be split into some to learn from and some to be tested on. */
const FEWEST_QUESTIONS = 10;
/** Every fifth question is held out to test what is learned from the others. */
const TEST_EVERY = 5;
/** Of a label that is rarer than this nothing can be learned; of one rarer than the other, the user should know. */
const REFUSED_SHARE = 0.01;
const SMALL_SHARE = 0.1;

/**
 * @throws RewardError `labels` if there are fewer than ten questions, if nothing in them can be labelled, or if nearly
 *   all memories are good, or nearly all bad.
 */
export async function makeProcessReward(
  context: Pick<PreparationContext<typeof options>, 'policy' | 'train' | 'seed' | 'note' | 'signal' | 'options'>,
): Promise<ProcessRewardModel> {
  const { policy, train, seed, note, signal } = context;
  const { threshold = DEFAULT_THRESHOLD, questions = QUESTIONS } = context.options.processReward ?? {};
  const numbers = Array.from({ length: Math.min(questions, train.size) }, (_, at) => at);
  if (numbers.length < FEWEST_QUESTIONS) {
    throw new RewardError(
      'labels',
      `The method prm learns from memories of at least ${FEWEST_QUESTIONS} training questions; found ${numbers.length}. Give it more records.`,
    );
  }
  const examples = await Promise.all(numbers.map((at) => exampleAt(train, seed, at)));
  signal?.throwIfAborted();
  const labelled = (test: boolean) =>
    labelledMemories(
      examples.filter((_, at) => (at % TEST_EVERY === 0) === test),
      { tokenizer: policy.tokenizer, threshold, seed },
    );
  const samples = labelled(false);
  reportBalance(samples, threshold, note);
  const model = new ProcessRewardModel(samples);
  reportAccuracy(model.accuracy(labelled(true)), note);
  return model;
}

export interface LabelSettings {
  tokenizer: Tokenizer;
  /** A memory is good if it holds at least this share, in (0, 1], of what is needed. */
  threshold: number;
  seed: number;
}

/** Composed memories of questions with their labels. What is unrelated comes from the next one of these questions. */
export function labelledMemories(
  examples: readonly Example[],
  { tokenizer, threshold, seed }: LabelSettings,
): (LabelledMemory & { kind: MemoryKind })[] {
  return examples.flatMap((example, at) => {
    const { question, filteredChunks = [], quality } = example;
    const other = examples[(at + 1) % examples.length];
    const evidence = filteredChunks.map((_, turn) => filteredChunks.slice(0, turn + 1));
    return composedMemories(example, other, tokenizer, seed).map(({ kind, turn, memory }) => {
      const good = (quality?.(turn, memory) ?? 0) >= threshold;
      return { kind, turn, question, evidence: evidence[turn], memory, good };
    });
  });
}

/** Turns that the report counts separately. */
const REPORTED_TURNS = 12;

/**
 * Tells how many memories of each turn are good and bad. @throws RewardError `labels` if one label is nearly absent.
 */
function reportBalance(samples: readonly LabelledMemory[], threshold: number, note: (text: string) => void): void {
  const { good, bad, turns } = balanceOf(samples);
  const shown = turns.slice(0, REPORTED_TURNS).map(({ turn, good, bad }) => `turn ${turn + 1}: ${good} and ${bad}`);
  const more = turns.length > shown.length ? `; ${turns.length - shown.length} more turns` : '';
  const counts = `${good} good and ${bad} bad memories`;
  const advice =
    `Check that the relevance marks are right, and reward.processReward.threshold (${threshold}): a lower value makes more ` +
    'memories good, a higher one fewer.';
  if (good + bad === 0) {
    throw new RewardError(
      'labels',
      'No memory of the training questions can be labelled: none of them has a fact that the answer needs. The method prm needs relevance marks on text that says more than the question.',
    );
  }
  const rarer = Math.min(good, bad) / (good + bad);
  const label = good < bad ? 'good' : 'bad';
  if (rarer < REFUSED_SHARE) {
    throw new RewardError(
      'labels',
      `A process reward model needs good and bad memories to learn from; found ${counts}, by turn: ${shown.join(', ')}${more}. ${advice}`,
    );
  }
  note(`Process reward model: learns from ${counts} (good and bad at ${shown.join(', ')}${more}).`);
  if (rarer < SMALL_SHARE) note(`Only ${percent(rarer)} of the memories are ${label}. ${advice}`);
}

function reportAccuracy({ memories, all, good, bad, majority, auc }: Accuracy, note: (text: string) => void): void {
  const share = (value: number) => (Number.isNaN(value) ? 'none' : percent(value));
  note(
    `Process reward model: classifies ${share(all)} of ${memories} memories of held-out questions correctly (good ones ${share(good)}, bad ones ${share(bad)}); always choosing the more frequent label would get ${share(majority)}. AUC ${auc.toFixed(3)}.`,
  );
  if (!(all > majority)) note('That is no better, so its scores are unlikely to mean anything.');
}
