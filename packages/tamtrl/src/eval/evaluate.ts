/** The agent over held-out questions, as training evaluates it. */
import type { Progress } from '../base/progress.js';
import { streamSeed } from '../base/seeds.js';
import type { Example, ExampleSource } from '../data/examples.js';
import type { Budgets, PromptFrames } from '../memory/frames.js';
import type { ParallelReading } from '../memory/settings.js';
import { meanOf, type TrajectoryStatistics, trajectoryStatistics } from '../memory/statistics.js';
import type { EmptyRule, MemoryModel } from '../memory/turn.js';
import { extractionOf, type Metric, type OutcomeOptions, outcomeReward } from '../reward/outcome.js';
import type { AgentChunk } from '../text/chunks.js';
import { type Answered, answered } from './answered.js';
import { agentReader } from './readers.js';

export interface EvaluationOptions {
  frames: PromptFrames;
  budgets: Budgets;
  empty?: EmptyRule;
  /** Read side by side; absent: one chunk after another. */
  parallel?: ParallelReading;
  /** Questions 0 … `questions` - 1 of the source. */
  questions: number;
  temperature?: number;
  topP?: number;
  samples?: number;
  /** Questions read side by side; default 64. */
  batch?: number;
  seed: number;
  /** The policy reads the filtered chunks, as a teacher does. */
  filtered?: boolean;
  /** How an answer becomes `score`; default: exact match. */
  outcome?: OutcomeOptions;
  signal?: AbortSignal;
  /** After each batch of questions. */
  onProgress?: (progress: Progress) => void;
}

/** Means over all answers; failed ones count as 0. Memory lengths are in tokens, rates in [0, 1]. */
export interface EvaluationResult extends TrajectoryStatistics {
  questions: number;
  /** The configured metric, and the mean outcome by it. */
  metric: Metric;
  score: number;
  exact_match: number;
  f1: number;
  sub_exact_match: number;
  seconds: number;
}

/**
 * Reads `questions` examples to their answers and scores these.
 * @throws RewardError `requirement` for an example that lacks what the metric needs; whatever the model throws.
 */
export async function evaluate(
  model: MemoryModel,
  source: ExampleSource,
  options: EvaluationOptions,
): Promise<EvaluationResult> {
  const { frames, budgets, empty, parallel, temperature = 0, topP, samples = 1, batch = 64, seed, signal } = options;
  const started = performance.now();
  const questions = Math.min(options.questions, source.size);
  const read = agentReader(model, {
    frames,
    budgets,
    empty,
    parallel,
    temperature,
    topP,
    seed,
    keep: 'memories',
    signal,
  });
  const metric = options.outcome?.metric ?? 'exact_match';
  const outcome = { ...options.outcome, metric, extraction: extractionOf(frames.format, options.outcome?.extraction) };
  const results: (Answered & { score: number })[] = [];
  for (let from = 0; from < questions; from += batch) {
    const numbers = Array.from({ length: Math.min(batch, questions - from) }, (_, at) => from + at);
    const examples = await Promise.all(numbers.map((number) => source.get(number)));
    const items = examples.map((example, at) => {
      const chunks = options.filtered ? filteredChunks(example, frames, budgets) : example.chunks;
      return { ...example, chunks, samples, seed: streamSeed(seed, 'evaluation', numbers[at]) };
    });
    const groups = await answered(items, read, frames.format);
    groups.forEach((group, at) => {
      for (const one of group) {
        results.push({ ...one, score: outcomeReward(one.trajectory.output, items[at], outcome) });
      }
    });
    const tokens = results.reduce((sum, { trajectory }) => sum + sampledTokens(trajectory), 0);
    options.onProgress?.({ finished: from + numbers.length, total: questions, tokens });
  }
  return {
    questions,
    metric,
    score: meanOf(results, ({ score }) => score),
    exact_match: meanOf(results, ({ scores }) => scores.exact_match),
    f1: meanOf(results, ({ scores }) => scores.f1),
    sub_exact_match: meanOf(results, ({ scores }) => scores.sub_exact_match),
    ...trajectoryStatistics(results.map(({ trajectory }) => trajectory)),
    seconds: (performance.now() - started) / 1000,
  };
}

function sampledTokens({ turns }: Answered['trajectory']): number {
  return turns.reduce((sum, turn) => sum + turn.outputTokens, 0);
}

/** The filtered chunks in the places of the whole ones. */
export function filteredChunks(example: Example, frames: PromptFrames, budgets: Budgets): AgentChunk[] {
  return example.chunks.map(({ index, start, end }) => {
    const ids = frames.filteredChunk(example.filteredChunks?.[index] ?? '').slice(0, budgets.chunkTokens);
    return { index, start, end, ids };
  });
}
