/**
 * Held-out questions read once before and once after training, with everything that a person needs to follow the
 * memory.
 */

import { z } from 'zod';
import type { ExampleSource } from '../data/examples.js';
import { metricSchema } from '../data/metrics.js';
import { answered } from '../eval/answered.js';
import { agentReader } from '../eval/readers.js';
import { PromptFrames } from '../memory/frames.js';
import { promptFormatNamed } from '../memory/prompts.js';
import { parallelOf } from '../memory/settings.js';
import { memoryTurns } from '../memory/trajectory.js';
import { plainText } from '../memory/turn.js';
import type { Policy } from '../policy/types.js';
import { extractionOf, outcomeReward } from '../reward/outcome.js';
import type { CommonConfig, RunConfig } from '../train/config.js';

const readingSchema = z.object({
  id: z.string(),
  question: z.string(),
  answers: z.array(z.string()),
  /** One for each section, in order. */
  turns: z.array(z.object({ section: z.string(), memory: z.string(), tokens: z.number(), cut: z.boolean() })),
  output: z.string(),
  answer: z.string(),
  right: z.boolean(),
  /** By the metric of the run's outcome; absent, as its name, in runs of earlier versions, which took exact match. */
  score: z.number().optional(),
  metric: metricSchema.optional(),
});

/** The same questions in the same order. */
export const heldOutReadingsSchema = z.object({
  before: z.array(readingSchema),
  after: z.array(readingSchema).optional(),
});

export type Reading = z.output<typeof readingSchema>;
export type HeldOutReadings = z.output<typeof heldOutReadingsSchema>;

/** Generated questions are short; among many, one that training turned right is likely. */
const GENERATED_COUNT = 24;
const RECORD_COUNT = 3;
/** In the place of a section where memories were merged. */
const MERGED = '(memories of the parts, merged)';
/** Characters of a section that are kept: a report must not become a copy of the documents. */
const SECTION_CHARACTERS = 2000;

/** Reads the first held-out questions greedily, as evaluation does. */
export async function readHeldOut(
  policy: Policy,
  heldOut: ExampleSource,
  config: CommonConfig,
  signal?: AbortSignal,
): Promise<Reading[]> {
  const wanted = config.data.kind === 'records' ? RECORD_COUNT : GENERATED_COUNT;
  const count = Math.min(wanted, config.evaluation.questions, heldOut.size);
  const examples = await Promise.all(Array.from({ length: count }, (_, at) => heldOut.get(at)));
  const frames = new PromptFrames(policy, promptFormatNamed(config.memory.prompts));
  const { memory: budgets, seed } = config;
  const read = agentReader(policy, {
    frames,
    budgets,
    empty: budgets.empty,
    parallel: parallelOf(budgets),
    temperature: 0,
    seed,
    keep: 'memories',
    signal,
  });
  const groups = await answered(examples, read, frames.format);
  const text = (ids: readonly number[]) => plainText(policy.tokenizer, ids);
  const outcome = 'reward' in config ? (config as Pick<RunConfig, 'reward'>).reward.outcome : undefined;
  const { metric = 'exact_match' } = outcome ?? {};
  return examples.map((example, at): Reading => {
    const { id, question, answers, chunks } = example;
    const [{ trajectory, answer }] = groups[at];
    const extraction = extractionOf(frames.format, outcome?.extraction);
    const score = outcomeReward(trajectory.output, example, { ...outcome, metric, extraction });
    return {
      id,
      question,
      answers,
      output: trajectory.output,
      answer,
      right: score >= 1,
      score,
      metric,
      turns: memoryTurns(trajectory).map(({ chunk, memoryIds, memoryTokens, stopReason }) => ({
        section: chunk ? shortened(text(chunks[chunk.index].ids), SECTION_CHARACTERS) : MERGED,
        memory: text(memoryIds),
        tokens: memoryTokens,
        cut: stopReason === 'length',
      })),
    };
  });
}

/** The start and the end of a long text. */
export function shortened(text: string, characters: number): string {
  if (text.length <= characters) return text;
  const half = Math.floor((characters - 5) / 2);
  return `${text.slice(0, half).trimEnd()} ... ${text.slice(-half).trimStart()}`;
}
