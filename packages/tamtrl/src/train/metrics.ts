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

/** One line of metrics.jsonl for each reinforcement step. Rates and shares are in [0, 1], times in seconds, entropy in nats. */
export interface StepMetrics {
  kind: 'step';
  step: number;
  learningRate: number;
  /** Mean outcome reward R over all rollouts drawn. */
  reward: number;
  /** Mean final reward of their memory turns. */
  turnReward: number;
  /** Mean score of their memory turns as it entered the reward; absent for outcome-only methods. */
  turnScore?: number;
  /** Share of rollouts with a right answer (SQuAD normalisation). */
  exactMatch: number;
  memoryTokens: number;
  memoryTokensByTurn: number[];
  emptyRate: number;
  overflowRate: number;
  answerOverflowRate: number;
  loss: number;
  entropy: number;
  clipFraction: number;
  ratioMean: number;
  ratioMax: number;
  kl: number;
  approximateKl: number;
  /** Mean over updates, before clipping. */
  gradientNorm: number;
  updates: number;
  /** Updates left out because the gradient was not finite. */
  skippedUpdates: number;
  /** Mean |sampler - trainer| log-probability before the first update: far from 0, training is on wrong ratios. */
  samplerTrainerDifference: number;
  groups: number;
  /** Groups without a gradient. */
  droppedGroups: number;
  questions: number;
  rows: number;
  /** Updates that the weights had seen when training began but not when drawing did; 0 unless rollouts are drawn ahead. */
  staleness: number;
  tokens: PhaseTokens;
  seconds: Partial<Record<Phase, number>>;
  /** Numbers of the method, such as the teacher's mean score or the judge's failures. */
  method: Record<string, number>;
}

export interface SftMetrics {
  kind: 'sft';
  step: number;
  learningRate: number;
  loss: number;
  entropy: number;
  gradientNorm: number;
  skippedUpdates: number;
  rows: number;
  tokens: PhaseTokens;
  seconds: Partial<Record<Phase, number>>;
}

export interface EvaluationMetrics extends EvaluationResult {
  kind: 'evaluation';
  step: number;
  /** Exact match when the policy reads the filtered chunks. */
  teacherExactMatch?: number;
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
