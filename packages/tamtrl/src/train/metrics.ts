/** What a step and an evaluation report, and the files of a run's folder that they are written to. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../base/files.js';
import type { EvaluationResult } from '../eval/evaluate.js';
import { TrainError } from './errors.js';

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
  learning_rate: number;
  /** Mean outcome reward R over all rollouts drawn. */
  reward: number;
  /** Mean final reward of their memory turns. */
  turn_reward: number;
  /** Mean score of their memory turns as it entered the reward; absent for outcome-only methods. */
  turn_score?: number;
  /** Share of rollouts with a right answer (SQuAD normalisation). */
  exact_match: number;
  memory_tokens: number;
  memory_tokens_by_turn: number[];
  empty_rate: number;
  overflow_rate: number;
  answer_overflow_rate: number;
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
  /** Exact match when the policy reads the filtered chunks. */
  teacher_exact_match?: number;
}

export type MetricsLine = StepMetrics | SftMetrics | EvaluationMetrics;

/**
 * All lines of a metrics.jsonl in order, with the names of today, whichever version wrote them. A last line that was cut short
 * by a kill is left out.
 * @throws TrainError `file` if the file is missing, or another line is damaged.
 */
export async function readMetricsLines(path: string): Promise<MetricsLine[]> {
  const text = await readIfThere(path);
  if (text === undefined) {
    throw new TrainError('file', `There is no file ${path}, which holds a run's numbers. Was the run started there?`);
  }
  const lines = text.split('\n');
  return lines.flatMap((line, at): MetricsLine[] => {
    const parsed = parseLine(line);
    if (parsed) return [inPresentNames(parsed) as unknown as MetricsLine];
    if (line.trim() === '' || at === lines.length - 1) return [];
    throw new TrainError(
      'file',
      `${path}, line ${at + 1} is damaged: expected a JSON object with a step, found ${JSON.stringify(line.slice(0, 80))}. Remove the line, or restore the file from a copy.`,
    );
  });
}

type SavedLine = { kind?: string; step: number };

function parseLine(text: string): SavedLine | undefined {
  try {
    const line: unknown = JSON.parse(text);
    return typeof line === 'object' && line !== null && 'step' in line ? (line as SavedLine) : undefined;
  } catch {
    return undefined;
  }
}

/** Earlier versions wrote `memoryTokens` where `memory_tokens` stands today, and so on, a method's own numbers included. */
function inPresentNames(line: SavedLine): SavedLine {
  const isEarlier = Object.keys(line).some((name) => snakeCase(name) !== name);
  return isEarlier ? (snakeCased(line) as SavedLine) : line;
}

function snakeCased(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, own]) => [snakeCase(name), snakeCased(own)]));
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

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

/** The folder of a run: config.json, metrics.jsonl, trajectories.jsonl, checkpoints/. */
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

  /** A new run: earlier metrics and trajectories of the folder go. */
  async start(config: unknown): Promise<void> {
    await mkdir(this.checkpoints, { recursive: true });
    await writeFile(join(this.path, 'config.json'), `${JSON.stringify(config, undefined, 2)}\n`);
    await writeFile(this.metrics, '');
    await writeFile(this.trajectories, '');
  }

  /**
   * A run goes on after `step`: lines of steps that will be done again are removed, and a last line that was cut short. The
   * metrics that stay get the names of today, so that the file has one form.
   */
  async resume(step: number, evaluatedStep: number): Promise<void> {
    const isKept = (line: SavedLine) => line.step <= (line.kind === 'evaluation' ? evaluatedStep : step);
    const metrics = (await savedLines(this.metrics)).filter(isKept).map(inPresentNames);
    await writeWhole(this.metrics, jsonLines(metrics));
    const trajectories = (await savedLines(this.trajectories)).filter((line) => line.step <= step);
    await writeWhole(this.trajectories, jsonLines(trajectories));
  }

  async append(line: MetricsLine): Promise<void> {
    await appendFile(this.metrics, jsonLines([line]));
  }

  async appendTrajectories(lines: readonly WrittenTrajectory[]): Promise<void> {
    if (lines.length > 0) await appendFile(this.trajectories, jsonLines(lines));
  }
}

async function savedLines(path: string): Promise<SavedLine[]> {
  const text = (await readIfThere(path)) ?? '';
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

function jsonLines(lines: readonly object[]): string {
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}
