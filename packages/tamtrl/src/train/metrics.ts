/** What a step and an evaluation report, and the files of a run's folder that they are written to. */
import { appendFile, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../base/files.js';
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

/** Names the run in its folder. */
export const INFO_FILE = 'info.json';

/** The folder of a run: info.json, config.json, metrics.jsonl, trajectories.jsonl, checkpoints/. */
export class RunFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get checkpoints(): string {
    return join(this.path, 'checkpoints');
  }

  get metrics(): string {
    return join(this.path, 'metrics.jsonl');
  }

  get trajectories(): string {
    return join(this.path, 'trajectories.jsonl');
  }

  /**
   * A new run. What names it is written first, so that a run that is killed at any moment is recognised: by `info` and `config` it can be
   * resumed, with less than that it has saved nothing.
   */
  async start(config: unknown, info: object = { started: new Date().toISOString() }): Promise<void> {
    await mkdir(this.path, { recursive: true });
    await writeWhole(join(this.path, INFO_FILE), info);
    await writeWhole(join(this.path, 'config.json'), config);
    await writeFile(this.metrics, '');
    await writeFile(this.trajectories, '');
    await mkdir(this.checkpoints, { recursive: true });
  }

  /** Steps or evaluations have been written. */
  async hasMetrics(): Promise<boolean> {
    const found = await stat(this.metrics).catch(() => undefined);
    return found !== undefined && found.size > 0;
  }

  /** A run goes on after `step`: lines of steps that will be done again go, and a last line that was cut short. */
  async resume(step: number, evaluatedStep: number): Promise<void> {
    await keepLines(this.metrics, (line) => {
      return line.step <= (line.kind === 'evaluation' ? evaluatedStep : step);
    });
    await keepLines(this.trajectories, (line) => line.step <= step);
  }

  async append(line: MetricsLine): Promise<void> {
    await appendFile(this.metrics, `${JSON.stringify(line)}\n`);
  }

  async appendTrajectories(lines: readonly WrittenTrajectory[]): Promise<void> {
    if (lines.length > 0) {
      await appendFile(this.trajectories, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    }
  }
}

async function keepLines(path: string, keep: (line: { kind?: string; step: number }) => boolean): Promise<void> {
  const text = (await readIfThere(path)) ?? '';
  const kept = text.split('\n').filter((line) => {
    try {
      return keep(JSON.parse(line) as { kind?: string; step: number });
    } catch {
      return false;
    }
  });
  await writeWhole(path, kept.map((line) => `${line}\n`).join(''));
}
