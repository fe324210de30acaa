/** The agent over held-out questions. */

import { streamSeed } from '../base/seeds.js';
import type { Example, ExampleSource } from '../data/examples.js';
import { runAgent } from '../memory/agent.js';
import { extractAnswer } from '../memory/extract.js';
import type { Budgets, PromptFrames } from '../memory/frames.js';
import { meanOf, trajectoryStatistics } from '../memory/statistics.js';
import type { Trajectory } from '../memory/trajectory.js';
import type { MemoryModel } from '../memory/turn.js';
import { type Metric, scoreAnswer } from '../reward/outcome.js';
import type { AgentChunk } from '../text/chunks.js';

export interface EvaluationOptions {
  frames: PromptFrames;
  budgets: Budgets;
  empty?: 'keep' | 'overwrite';
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
  signal?: AbortSignal;
  /** After each batch of questions. */
  onProgress?: (progress: { finished: number; total: number; tokens: number }) => void;
  /** Told of every answer. */
  onAnswer?: (example: Example, trajectory: Trajectory, answer: string, exact_match: number) => void;
}

/** Means over all answers; failed ones count as 0. Memory lengths are in tokens, rates in [0, 1]. */
export interface EvaluationResult {
  questions: number;
  exact_match: number;
  f1: number;
  sub_exact_match: number;
  memory_tokens: number;
  memory_tokens_by_turn: number[];
  empty_rate: number;
  overflow_rate: number;
  answer_overflow_rate: number;
  tokens: { prompt: number; sampled: number };
  seconds: number;
}

/** Reads `questions` examples to their answers and scores these with SQuAD normalisation. */
export async function evaluate(
  model: MemoryModel,
  source: ExampleSource,
  options: EvaluationOptions,
): Promise<EvaluationResult> {
  const { frames, budgets, empty, temperature = 0, topP, samples = 1, batch = 64, seed, signal } = options;
  const started = performance.now();
  const questions = Math.min(options.questions, source.size);
  const scores: { exact_match: number; f1: number; sub_exact_match: number }[] = [];
  const trajectories: Trajectory[] = [];
  let tokens = 0;
  for (let from = 0; from < questions; from += batch) {
    const numbers = Array.from({ length: Math.min(batch, questions - from) }, (_, at) => from + at);
    const examples = await Promise.all(numbers.map((number) => source.get(number)));
    const groups = await runAgent(
      model,
      examples.map((example, at) => ({
        id: example.id,
        question: example.question,
        chunks: options.filtered ? filteredChunks(example, frames, budgets) : example.chunks,
        samples,
        seed: streamSeed(seed, 'evaluation', numbers[at]),
      })),
      { frames, budgets, empty, temperature, topP, seed, keep: 'memories', signal },
    );
    examples.forEach((example, at) => {
      for (const trajectory of groups[at]) {
        const answer = extractAnswer(trajectory.output, { boxed: frames.format.boxed });
        const score = (metric: Metric) => scoreAnswer(answer, example.answers, { metric });
        const exact_match = score('exact_match');
        scores.push({ exact_match, f1: score('f1'), sub_exact_match: score('sub_exact_match') });
        trajectories.push(trajectory);
        options.onAnswer?.(example, trajectory, answer, exact_match);
        tokens += trajectory.turns.reduce((sum, turn) => sum + turn.outputTokens, 0);
      }
    });
    options.onProgress?.({ finished: from + numbers.length, total: questions, tokens });
  }
  return {
    questions,
    exact_match: meanOf(scores, ({ exact_match }) => exact_match),
    f1: meanOf(scores, ({ f1 }) => f1),
    sub_exact_match: meanOf(scores, ({ sub_exact_match }) => sub_exact_match),
    ...trajectoryStatistics(trajectories),
    seconds: (performance.now() - started) / 1000,
  };
}

/** The filtered chunks in the places of the whole ones. */
export function filteredChunks(example: Example, frames: PromptFrames, budgets: Budgets): AgentChunk[] {
  return example.chunks.map(({ index, start, end }) => {
    const ids = frames.filteredChunk(example.filteredChunks?.[index] ?? '').slice(0, budgets.chunkTokens);
    return { index, start, end, ids };
  });
}
