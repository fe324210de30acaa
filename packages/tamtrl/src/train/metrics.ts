/** What a step and an evaluation report, and how a rollout is written down for people. */
import type { EvaluationResult } from '../eval/evaluate.js';

/** Tokens read or written in each phase of a step. */
export interface PhaseTokens {
  /** Prompts of rollouts. */
  prompt: number;
  sampled: number;
  /** For turn scores, references and recomputed log-probabilities; prompts included. */
  scored: number;
  /** Prompts included, counted once for each epoch. */
  trained: number;
}

export type Phase = 'rollout' | 'reward' | 'score' | 'train' | 'evaluate' | 'save';

/**
 * One line of metrics.jsonl for each reinforcement step. Rates and shares are in [0, 1], times in seconds, entropy in
 * nats.
 */
export interface StepMetrics {
  kind: 'step';
  step: number;
  learning_rate: number;
  /** Mean outcome reward R over all rollouts drawn. */
  reward: number;
  /** Mean final reward of their memory turns. */
  turn_reward: number;
  /** The same after turn t, over the rollouts that have such a turn; absent in runs of earlier versions. */
  turn_reward_by_turn?: number[];
  /** Mean score of their memory turns as it entered the reward; absent for outcome-only methods. */
  turn_score?: number;
  /** Share of rollouts with a right answer (SQuAD normalisation). */
  exact_match: number;
  memory_tokens: number;
  memory_tokens_by_turn: number[];
  empty_rate: number;
  overflow_rate: number;
  answer_overflow_rate: number;
  /** See copies.ts; absent in runs of earlier versions. */
  question_copy_rate?: number;
  prompt_copy_rate?: number;
  /** Share of the old memories, given as drafts, that the model wrote again; absent if no draft was verified. */
  draft_acceptance?: number;
  loss: number;
  entropy: number;
  clip_fraction: number;
  ratio_mean: number;
  ratio_max: number;
  kl: number;
  approximate_kl: number;
  /** Mean over updates, before clipping. */
  gradient_norm: number;
  updates: number;
  /** Updates left out because the gradient was not finite. */
  skipped_updates: number;
  /** Mean |sampler - trainer| log-probability before the first update: far from 0, training is on wrong ratios. */
  sampler_trainer_difference: number;
  groups: number;
  /** Groups without a gradient. */
  dropped_groups: number;
  /** Groups whose rollouts are all the same, token for token; absent in runs of earlier versions. */
  identical_groups?: number;
  questions: number;
  rows: number;
  /** Mean weight of tokens by truncated importance sampling; absent without it. */
  importance_weight?: number;
  /** Share of the rows of the kept groups whose advantage is 0; absent in runs of earlier versions. */
  zero_advantage_rate?: number;
  /**
   * Updates that the weights had seen when training began but not when drawing did; 0 unless rollouts are drawn ahead.
   */
  staleness: number;
  tokens: PhaseTokens;
  seconds: Partial<Record<Phase, number>>;
  /** Numbers of the method, such as the teacher's mean score or the judge's failures. */
  method: Record<string, number>;
}

export interface SftMetrics {
  kind: 'sft';
  step: number;
  learning_rate: number;
  loss: number;
  entropy: number;
  gradient_norm: number;
  skipped_updates: number;
  rows: number;
  tokens: PhaseTokens;
  seconds: Partial<Record<Phase, number>>;
}

export interface EvaluationMetrics extends EvaluationResult {
  kind: 'evaluation';
  step: number;
  /** Exact match and `score` when the policy reads the filtered chunks. */
  teacher_exact_match?: number;
  teacher_score?: number;
}

export type MetricsLine = StepMetrics | SftMetrics | EvaluationMetrics;

/** Adds up wall time by phase. */
export class PhaseClock {
  readonly seconds: Partial<Record<Phase, number>> = {};

  async time<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const started = performance.now();
    try {
      return await work();
    } finally {
      this.seconds[phase] = (this.seconds[phase] ?? 0) + (performance.now() - started) / 1000;
    }
  }
}

/** A rollout in words, for people. */
export interface WrittenTrajectory {
  step: number;
  questionId: string;
  sample: number;
  question: string;
  answers: readonly string[];
  outcome: number;
  output: string;
  turns: {
    kind: 'memory' | 'answer';
    text: string;
    tokens: number;
    stopReason: string;
    reward: number;
    score?: number;
    advantage: number;
    chunk?: { start: number; end: number };
  }[];
}
