/** Settings that make no sense together, refused before anything is computed. */
import { promptFormatNamed } from '../memory/prompts.js';
import { parallelOf } from '../memory/settings.js';
import type { RewardMethod } from '../reward/method.js';
import { OF_THE_OUTPUT } from '../reward/outcome.js';
import type { RunConfig } from './config.js';
import { TrainError } from './errors.js';
import { imitates } from './objective.js';

type Checked = Pick<
  RunConfig,
  | 'advantage'
  | 'data'
  | 'memory'
  | 'aggregation'
  | 'dualClip'
  | 'dynamicSampling'
  | 'entropyCoefficient'
  | 'groupSize'
  | 'importanceSampling'
  | 'objective'
  | 'overlong'
  | 'ratio'
  | 'returns'
  | 'reward'
  | 'turnCredit'
  | 'turnWeights'
>;

interface Clash {
  clashes(config: Checked, method: Pick<RewardMethod, 'name'>): boolean;
  /** What, why, and what to do. */
  text(config: Checked, method: Pick<RewardMethod, 'name'>): string;
}

/** Methods without scores of turns: every turn of theirs earns the outcome. */
const OUTCOME_ONLY = new Set(['memagent', 'infomem', 'opsdl', 'himpo']);

/** Settings that say how scores are scaled. */
const SCALING = ['scaling', 'minmaxEpsilon', 'minmaxTolerance'] as const;

/** The option of the extraction that does nothing without a box, if the answers have none. */
function aboutBox({ memory, reward: { outcome } }: Checked): 'tail' | 'requireBox' | 'unwrapText' | undefined {
  const { boxed = promptFormatNamed(memory.prompts).boxed, tail, requireBox, unwrapText } = outcome.extraction ?? {};
  if (boxed) return undefined;
  if (requireBox) return 'requireBox';
  if (tail !== undefined) return 'tail';
  return unwrapText === undefined ? undefined : 'unwrapText';
}

const clashes: readonly Clash[] = [
  {
    clashes: (config) => aboutBox(config) !== undefined,
    text: (config) => {
      const { memory, reward } = config;
      const none =
        reward.outcome.extraction?.boxed === false
          ? 'extraction.boxed is false'
          : `memory.prompts "${memory.prompts}" asks for none`;
      return `reward.outcome.extraction.${aboutBox(config)} is about a box, but ${none}. Leave it out, or set extraction.boxed to true.`;
    },
  },
  {
    clashes: ({ reward: { outcome } }) =>
      OF_THE_OUTPUT.has(outcome.metric) && Object.values(outcome.extraction ?? {}).some((value) => value !== undefined),
    text: ({ reward: { outcome } }) =>
      `reward.outcome.extraction finds the answer in the output, but the metric "${outcome.metric}" looks at the whole output. Leave one of the two out.`,
  },
  {
    clashes: ({ memory, reward }, { name }) =>
      parallelOf(memory) !== undefined && name !== 'memagent' && reward.module === undefined,
    text: ({ memory }, { name }) =>
      `memory.parallel is ${memory.parallel}, and merges read no chunk that the method ${name} could score their turns by. Set method to "memagent" or give a reward of your own, or set memory.parallel to 0.`,
  },
  {
    clashes: ({ memory, objective }) => parallelOf(memory) !== undefined && objective === 'distillation',
    text: ({ memory }) =>
      `objective "distillation" shows the teacher the relevant part of each turn's chunk, but with memory.parallel ${memory.parallel} some turns merge memories. Set memory.parallel to 0, or objective to "star".`,
  },
  {
    clashes: ({ memory }) => parallelOf(memory) !== undefined && promptFormatNamed(memory.prompts).exit !== undefined,
    text: ({ memory }) =>
      `memory.prompts "${memory.prompts}" lets the model stop reading, but with memory.parallel ${memory.parallel} all chunks are read at once. Choose one of the two.`,
  },
  {
    clashes: ({ memory }) => parallelOf(memory) === undefined && memory.mergeWidth !== undefined,
    text: () => 'memory.mergeWidth belongs to reading side by side. Set memory.parallel, or leave mergeWidth out.',
  },
  {
    clashes: ({ memory, reward }, { name }) =>
      name === 'grumem' && reward.grumem?.exit !== undefined && promptFormatNamed(memory.prompts).exit === undefined,
    text: ({ memory }) =>
      `reward.grumem.exit pays for where the reading stops, but memory.prompts "${memory.prompts}" has no words that stop it. Leave exit out, or set prompts to "chat-gated" or "mini-gated".`,
  },
  {
    clashes: ({ memory, reward }, { name }) =>
      name === 'grumem' && reward.grumem?.gate === 'words' && !promptFormatNamed(memory.prompts).unchanged,
    text: ({ memory }) =>
      `reward.grumem.gate is "words", but memory.prompts "${memory.prompts}" has no words that keep the memory. Set gate to "effect", or prompts to "babi", "chat-gated" or "mini-gated".`,
  },
  {
    clashes: ({ memory, data }) => promptFormatNamed(memory.prompts).exit !== undefined && data.kind === 'babilong',
    text: ({ memory }) =>
      `memory.prompts "${memory.prompts}" lets the model stop reading, but in BABILong later text can change the answer. Set it to "babi", or to another wording without an exit.`,
  },
  {
    clashes: ({ returns, objective }) => returns !== undefined && imitates(objective),
    text: ({ objective }) =>
      `returns sums up rewards, but objective "${objective}" imitates and has none. Leave it out.`,
  },
  {
    clashes: ({ returns, reward }) => returns !== undefined && reward.combine !== 'score',
    text: ({ reward }) =>
      `returns sums up the rewards of later turns, but with reward.combine "${reward.combine}" each of them has the outcome in it, which would count once for every turn. Set reward.combine to "score": memory turns earn their scores, the answer the outcome.`,
  },
  {
    clashes: ({ returns, reward }, { name }) =>
      returns === undefined && reward.combine === 'score' && OUTCOME_ONLY.has(name),
    text: (_, { name }) =>
      `reward.combine "score" gives memory turns their scores alone, but the method ${name} has none, so no memory would be learned. Set returns: { gamma: 1 }, or reward.combine to "product".`,
  },
  {
    clashes: ({ returns }) => returns !== undefined && returns.lambda < 1 && returns.of === 'advantages',
    text: () =>
      'returns.lambda is below 1, which mixes returns with baselines, but returns.of "advantages" sums up what has been compared already. Set lambda to 1, or of to "rewards".',
  },
  {
    clashes: ({ returns, advantage }) =>
      returns !== undefined && returns.lambda < 1 && advantage !== 'mean' && advantage !== 'mean-std',
    text: ({ advantage }) =>
      `returns.lambda is below 1, which needs a baseline for each turn, but advantage "${advantage}" compares turns with other turns. Set advantage to "mean" or "mean-std".`,
  },
  {
    clashes: ({ reward }) => reward.floor !== undefined && reward.combine !== 'product',
    text: ({ reward }) =>
      `reward.floor belongs to reward.combine "product", but it is "${reward.combine}". Leave the floor out.`,
  },
  {
    clashes: ({ reward }) => reward.combine === 'advantages' && !(reward.alpha >= 0 && reward.alpha <= 1),
    text: ({ reward }) =>
      `reward.combine "advantages" takes (1 - alpha) of the outcome and alpha of the score, but reward.alpha is ${reward.alpha}. Set it to a number from 0 to 1; ReMemR1 has 0.2, GRU-Mem 0.1.`,
  },
  {
    clashes: ({ reward }, { name }) => reward.combine === 'advantages' && reward.alpha === 1 && !OUTCOME_ONLY.has(name),
    text: () =>
      'reward.combine "advantages" takes (1 - alpha) of the outcome, which is nothing with reward.alpha 1 (the default), so no answer would be learned. Set alpha below 1 (ReMemR1 has 0.2, GRU-Mem 0.1), or combine to "score".',
  },
  {
    clashes: ({ reward }) => reward.combine === 'gated' && reward.alpha < -1,
    text: ({ reward }) =>
      `reward.combine "gated" multiplies the outcome by 1 + alpha p, which reward.alpha ${reward.alpha} makes negative for high scores, so success would be punished. Set alpha to -1 or more.`,
  },
  {
    clashes: ({ overlong: { buffer, penalty } }) => buffer === 0 && penalty !== 1,
    text: ({ overlong }) =>
      `overlong.penalty is ${overlong.penalty}, but overlong.buffer is 0, so nothing is punished. Set buffer to the number of tokens before the limit in which the penalty grows, or leave penalty out.`,
  },
  {
    clashes: ({ overlong, memory }) => overlong.buffer > Math.min(memory.memoryTokens, memory.answerTokens),
    text: ({ overlong, memory }) => {
      const short = memory.memoryTokens <= memory.answerTokens ? 'memoryTokens' : 'answerTokens';
      return `overlong.buffer is ${overlong.buffer}, more than the whole memory.${short} (${memory[short]}), so even the shortest output would be punished. Set it to ${memory[short]} or less.`;
    },
  },
  {
    clashes: ({ overlong, reward }) => overlong.buffer > 0 && reward.combine === 'advantages',
    text: () =>
      'overlong makes rewards smaller, but reward.combine "advantages" compares outcomes and scores before they are rewards. Set overlong.buffer to 0.',
  },
  {
    clashes: ({ ratio, aggregation }) => ratio === 'sequence' && aggregation !== 'sequence-mean',
    text: ({ aggregation }) =>
      `ratio "sequence" is GSPO's, whose loss is a mean over sequences, but aggregation is "${aggregation}". Set it to "sequence-mean".`,
  },
  {
    clashes: ({ ratio, dualClip }) => (ratio === 'sequence' || ratio === 'cispo') && dualClip !== undefined,
    text: ({ ratio }) => `dualClip bounds the loss of single tokens, but ratio is "${ratio}". Leave dualClip out.`,
  },
  {
    clashes: ({ objective, ratio = 'token', importanceSampling, entropyCoefficient = 0, dualClip, overlong }) =>
      imitates(objective) &&
      (ratio !== 'token' ||
        importanceSampling !== undefined ||
        entropyCoefficient > 0 ||
        dualClip !== undefined ||
        overlong.buffer > 0),
    text: ({ objective }) =>
      `ratio, importanceSampling, entropyCoefficient, dualClip and overlong.buffer belong to a policy gradient, but objective "${objective}" imitates. Leave them out.`,
  },
  {
    clashes: ({ objective, dynamicSampling: { criterion } }) => objective === 'distillation' && criterion !== undefined,
    text: ({ dynamicSampling: { criterion } }) =>
      `dynamicSampling.criterion "${criterion}" drops groups, but objective "distillation" imitates every rollout of the teacher. Leave the criterion out.`,
  },
  {
    clashes: ({ groupSize, dynamicSampling: { enabled, criterion } }) =>
      enabled && criterion === 'outcome' && groupSize === 1,
    text: () =>
      'dynamicSampling.criterion "outcome" drops groups whose outcomes are all equal, but groupSize is 1, so it would drop every group. Set groupSize to 2 or more, or leave the criterion out.',
  },
  {
    clashes: ({ reward }) =>
      reward.scaling === 'z-score' && reward.minmax && (reward.combine === 'product' || reward.combine === 'gated'),
    text: ({ reward }) =>
      `reward.scaling "z-score" makes half of the scores negative, and reward.combine "${reward.combine}" multiplies them by the outcome, which punishes success. Set combine to "additive", "score" or "advantages", or scaling to "rank".`,
  },
  {
    clashes: ({ reward }) => !reward.minmax && SCALING.some((name) => reward[name] !== undefined),
    text: ({ reward }) =>
      `reward.minmax is false, so scores stay as they are, and reward.${SCALING.find((name) => reward[name] !== undefined)} would do nothing. Leave it out, or set minmax to true.`,
  },
  {
    clashes: ({ reward: { minmax, scaling = 'minmax', minmaxEpsilon } }) =>
      minmax && scaling !== 'minmax' && minmaxEpsilon !== undefined,
    text: ({ reward }) =>
      `reward.minmaxEpsilon is part of min-max, but reward.scaling is "${reward.scaling}". Leave one of the two out.`,
  },
  {
    clashes: ({ dynamicSampling: { enabled, criterion } }) => !enabled && criterion !== undefined,
    text: ({ dynamicSampling }) =>
      `dynamicSampling.enabled is false, so no group is dropped, and its criterion "${dynamicSampling.criterion}" would do nothing. Leave it out.`,
  },
  {
    clashes: ({ turnCredit, aggregation }) => turnCredit === 'split' && aggregation === 'trajectory-mean',
    text: () =>
      'turnCredit "split" and aggregation "trajectory-mean" both keep long documents from counting more. Choose one of the two.',
  },
];

/** @throws TrainError `config` with a line for each thing that makes no sense. */
export function checkCombinations(config: Checked, method: Pick<RewardMethod, 'name'>): void {
  const found = clashes.filter((clash) => clash.clashes(config, method)).map((clash) => clash.text(config, method));
  if (found.length > 0) throw new TrainError('config', found.join('\n'));
}
