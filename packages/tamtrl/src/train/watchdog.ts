/**
 * Notices a training that does nothing, or goes wrong in a way that its numbers show early: steps without a gradient,
 * or with one that is not finite, outputs that never end, an entropy that has vanished or blown up, memories that copy
 * the question or the prompt, advantages of 0, a sampler that differs from the trainer. It reports each once, with what
 * to change.
 */
import { count, percent } from '../base/format.js';
import type { RunConfig } from './config.js';
import type { StepMetrics } from './metrics.js';

/** Steps in a row that make a finding; one alone can be chance. */
const STEPS = 3;
/** Share of outputs that end at the limit. */
const OFTEN_CUT = 0.5;
/** Share of groups whose rollouts are all the same. */
const OFTEN_IDENTICAL = 0.5;
/** Entropy, as a share of that of the first step. */
const ENTROPY_LEFT = 0.05;
/** Entropy that has blown up: so many times that of the first step, and so many nats above it. */
const ENTROPY_TIMES = 3;
const ENTROPY_MORE = 1;
/** Share of memories that are copies of the question, or of the prompt. */
const OFTEN_COPIED = 0.5;
/** Share of trained rows whose advantage is 0. */
const OFTEN_ZERO = 0.9;
/** Mean difference in nats: a quarter is a ratio of 1.28, where the loss begins to clip. */
const DIFFERENT = 0.25;
/** Mean reward of a first step that was no luck. */
const EARNED = 0.1;

export type WatchedConfig = Pick<RunConfig, 'groupSize' | 'memory' | 'temperature'>;

/** What later steps are compared with: the first step that changed the weights. */
export type FirstStep = Pick<StepMetrics, 'entropy' | 'question_copy_rate' | 'prompt_copy_rate'> &
  /** Absent in runs of earlier versions. */
  Partial<Pick<StepMetrics, 'reward' | 'overflow_rate' | 'answer_overflow_rate'>>;

interface Symptom {
  /** The step shows it. */
  shows(step: StepMetrics, first: FirstStep): boolean;
  text(steps: readonly StepMetrics[], config: WatchedConfig, first: FirstStep): string;
}

const symptoms: readonly Symptom[] = [
  { shows: ({ groups, updates }) => groups === 0 && updates === 0, text: withoutGradient },
  {
    shows: ({ skipped_updates, updates }) => updates > 0 && skipped_updates === updates,
    text: (steps) =>
      `No gradient in ${spanOf(steps)} was finite, so the weights have not changed. Start again with a lower learningRate, or resume from a checkpoint that was saved before.`,
  },
  {
    shows: ({ overflow_rate }) => overflow_rate > OFTEN_CUT,
    text: (steps, { memory }, first) =>
      `${shareOf(steps, 'overflow_rate')} of the memories in ${spanOf(steps)} were cut off at memory.memoryTokens (${count(memory.memoryTokens)}) and never reached a stop token. ${broken(first.overflow_rate) ?? 'Raise it, or start from a model that ends its memories: a memory without an end is mostly repetition.'}`,
  },
  {
    shows: ({ answer_overflow_rate }) => answer_overflow_rate > OFTEN_CUT,
    text: (steps, { memory }, first) =>
      `${shareOf(steps, 'answer_overflow_rate')} of the answers in ${spanOf(steps)} were cut off at memory.answerTokens (${count(memory.answerTokens)}) and never reached a stop token, so an exact match is unlikely. ${broken(first.answer_overflow_rate) ?? 'Raise it, or reward part of an answer (reward.outcome.metric: f1).'}`,
  },
  {
    shows: ({ identical_groups = 0, questions }) => identical_groups > OFTEN_IDENTICAL * questions,
    text: (steps, { temperature }) =>
      `In most groups of ${spanOf(steps)} all rollouts are the same, token for token, and such a group teaches nothing. Either the model is certain (raise temperature, now ${temperature}, or use harder questions), or its server returns copies of one sample.`,
  },
  {
    shows: ({ entropy, updates }, first) => updates > 0 && first.entropy > 0 && entropy < ENTROPY_LEFT * first.entropy,
    text: (steps) =>
      `The entropy fell to ${(steps.at(-1)?.entropy ?? 0).toFixed(4)} by step ${steps.at(-1)?.step}: the rollouts of a question are nearly all the same and teach little more. Lower learningRate, raise klCoefficient or clipHigh, or stop here.`,
  },
  {
    shows: ({ entropy, updates }, first) =>
      updates > 0 && entropy > ENTROPY_TIMES * first.entropy && entropy > first.entropy + ENTROPY_MORE,
    text: (steps) =>
      `The entropy rose to ${(steps.at(-1)?.entropy ?? 0).toFixed(2)} by step ${steps.at(-1)?.step}: the model writes more and more at random. Lower learningRate or entropyCoefficient, or raise klCoefficient.`,
  },
  {
    shows: ({ question_copy_rate = 0 }, first) =>
      question_copy_rate > OFTEN_COPIED && question_copy_rate > (first.question_copy_rate ?? 0),
    text: (steps) =>
      `${shareOf(steps, 'question_copy_rate')} of the memories in ${spanOf(steps)} are copies of the question, and more than at first: they are likely, but hold nothing of the text. The score of a turn rewards this; take one that is conditioned on the answer (infomem, information), or a higher weight of the outcome.`,
  },
  {
    shows: ({ prompt_copy_rate = 0 }, first) =>
      prompt_copy_rate > OFTEN_COPIED && prompt_copy_rate > (first.prompt_copy_rate ?? 0),
    text: (steps) =>
      `${shareOf(steps, 'prompt_copy_rate')} of the memories in ${spanOf(steps)} repeat the wording of the prompt, and more than at first. The score of a turn rewards this; take another, or a higher weight of the outcome.`,
  },
  {
    shows: ({ zero_advantage_rate = 0, updates }) => updates > 0 && zero_advantage_rate > OFTEN_ZERO,
    text: (steps, { groupSize }) =>
      `${shareOf(steps, 'zero_advantage_rate')} of the trained turns in ${spanOf(steps)} have an advantage of 0, so no reward moves them. Use more rollouts (groupSize is ${groupSize}), a higher temperature, or scores for turns.`,
  },
  {
    shows: ({ sampler_trainer_difference, updates }) => updates > 0 && sampler_trainer_difference > DIFFERENT,
    text: (steps) =>
      `Sampler and trainer disagree by ${meanOf(steps, 'sampler_trainer_difference').toFixed(2)} nats a token in ${spanOf(steps)}: they do not have the same weights, tokens or temperature, or their numerics differ much. Check the server, set oldLogProbabilities to "recompute", and importanceSampling.`,
  },
];

/** Watches the steps of one run, in their order. */
export class Watchdog {
  readonly #config: WatchedConfig;
  readonly #seen = symptoms.map(() => ({ steps: [] as StepMetrics[], told: false }));
  #first: FirstStep | undefined;

  /** @param first of a run that is resumed, what `first` was before */
  constructor(config: WatchedConfig, first?: FirstStep) {
    this.#config = config;
    this.#first = first;
  }

  /** Undefined until a step has changed the weights. */
  get first(): FirstStep | undefined {
    return this.#first;
  }

  /** The warnings that this step gives reason for. */
  observe(step: StepMetrics): string[] {
    if (step.updates > 0) this.#first ??= firstStep(step);
    const first = this.#first ?? step;
    return symptoms.flatMap((symptom, at) => {
      const seen = this.#seen[at];
      seen.steps = symptom.shows(step, first) ? [...seen.steps, step] : [];
      if (seen.told || seen.steps.length < STEPS) return [];
      seen.told = true;
      return [symptom.text(seen.steps, this.#config, first)];
    });
  }
}

/** Some servers tell no entropy. */
function firstStep(step: StepMetrics): FirstStep {
  const { entropy, question_copy_rate, prompt_copy_rate, reward, overflow_rate, answer_overflow_rate } = step;
  const known = Number.isFinite(entropy) ? entropy : 0;
  return { entropy: known, question_copy_rate, prompt_copy_rate, reward, overflow_rate, answer_overflow_rate };
}

/** What to do about outputs without an end that had one at first. */
function broken(atFirst: number | undefined): string | undefined {
  if (atFirst === undefined || atFirst > OFTEN_CUT) return undefined;
  return `In the first step that trained it was ${percent(atFirst)}, so training has spoilt the model: start again with a lower learningRate.`;
}

function withoutGradient(steps: readonly StepMetrics[], { groupSize }: WatchedConfig, first: FirstStep): string {
  const rewards = steps.map(({ reward }) => reward);
  const nothing = `No group of rollouts had a gradient in ${spanOf(steps)}, so the weights have not changed.`;
  if (rewards.every((reward) => reward === 0)) {
    if (first.reward !== undefined && first.reward >= EARNED) {
      return `${nothing} Every answer earned 0. In the first step that trained they earned ${first.reward.toFixed(2)} on average, so training has spoilt the model: start again with a lower learningRate.`;
    }
    return `${nothing} Every answer earned 0. Start from a model that is right now and then (tamtrl sft), reward part of an answer (reward.outcome.metric: f1), take easier or shorter questions, or more rollouts (groupSize is ${groupSize}).`;
  }
  if (rewards.every((reward) => reward === 1)) {
    return `${nothing} Every answer was right: these questions have nothing left to teach. Use harder ones.`;
  }
  return `${nothing} All rollouts of each question earned the same. Use more rollouts (groupSize is ${groupSize}) or a higher temperature.`;
}

function spanOf(steps: readonly StepMetrics[]): string {
  return `steps ${steps[0].step} to ${steps.at(-1)?.step}`;
}

type Rate =
  | 'overflow_rate'
  | 'answer_overflow_rate'
  | 'question_copy_rate'
  | 'prompt_copy_rate'
  | 'zero_advantage_rate'
  | 'sampler_trainer_difference';

function meanOf(steps: readonly StepMetrics[], name: Rate): number {
  return steps.reduce((sum, step) => sum + (step[name] ?? 0), 0) / steps.length;
}

function shareOf(steps: readonly StepMetrics[], name: Rate): string {
  return percent(meanOf(steps, name));
}
