/**
 * Notices a training that does nothing, or goes wrong in a way that its numbers show early: steps without a gradient,
 * outputs that never end, an entropy that has vanished. It reports each once, with what to change.
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

export type WatchedConfig = Pick<RunConfig, 'groupSize' | 'memory' | 'temperature'>;

interface Symptom {
  /** The step shows it. */
  shows(step: StepMetrics, first: StepMetrics): boolean;
  text(steps: readonly StepMetrics[], config: WatchedConfig): string;
}

const symptoms: readonly Symptom[] = [
  { shows: ({ groups, updates }) => groups === 0 && updates === 0, text: withoutGradient },
  {
    shows: ({ overflow_rate }) => overflow_rate > OFTEN_CUT,
    text: (steps, { memory }) =>
      `${shareOf(steps, 'overflow_rate')} of the memories in ${spanOf(steps)} were cut off at memory.memoryTokens (${count(memory.memoryTokens)}) and never reached a stop token. Raise it, or start from a model that ends its memories: a memory without an end is mostly repetition.`,
  },
  {
    shows: ({ answer_overflow_rate }) => answer_overflow_rate > OFTEN_CUT,
    text: (steps, { memory }) =>
      `${shareOf(steps, 'answer_overflow_rate')} of the answers in ${spanOf(steps)} were cut off at memory.answerTokens (${count(memory.answerTokens)}) and never reached a stop token, so an exact match is unlikely. Raise it, or reward part of an answer (reward.outcome.metric: f1).`,
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
];

/** Watches the steps of one run, in their order. */
export class Watchdog {
  readonly #config: WatchedConfig;
  readonly #seen = symptoms.map(() => ({ steps: [] as StepMetrics[], told: false }));
  #first: StepMetrics | undefined;

  constructor(config: WatchedConfig) {
    this.#config = config;
  }

  /** The warnings that this step gives reason for. */
  observe(step: StepMetrics): string[] {
    if (step.updates > 0) this.#first ??= step;
    const first = this.#first ?? step;
    return symptoms.flatMap((symptom, at) => {
      const seen = this.#seen[at];
      seen.steps = symptom.shows(step, first) ? [...seen.steps, step] : [];
      if (seen.told || seen.steps.length < STEPS) return [];
      seen.told = true;
      return [symptom.text(seen.steps, this.#config)];
    });
  }
}

function withoutGradient(steps: readonly StepMetrics[], { groupSize }: WatchedConfig): string {
  const rewards = steps.map(({ reward }) => reward);
  const nothing = `No group of rollouts had a gradient in ${spanOf(steps)}, so the weights have not changed.`;
  if (rewards.every((reward) => reward === 0)) {
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

function shareOf(steps: readonly StepMetrics[], name: 'overflow_rate' | 'answer_overflow_rate'): string {
  return percent(steps.reduce((sum, step) => sum + step[name], 0) / steps.length);
}
