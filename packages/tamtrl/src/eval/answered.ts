/**
 * The one evaluation: a batch of questions is read to its answers, and these are scored. Training, `tamtrl eval` and
 * reports differ in what they feed it and in what they keep.
 */
import { answerIn } from '../memory/extract.js';
import type { PromptFormat } from '../memory/prompts.js';
import { type Metric, metricsFor, outcomeReward, type Reference } from '../reward/outcome.js';
import type { Reader, Reading } from './readers.js';

/** Metrics of an answer, in [0, 1]: all but those that its record lacks something for. */
export type Scores = Partial<Record<Metric, number>> & Record<'exact_match' | 'f1' | 'sub_exact_match', number>;

export interface Answered extends Reading {
  /** As it was found in the output. */
  answer: string;
  scores: Scores;
}

/** Reads the items and scores their answers: [items][samples]. @throws whatever the reader throws. */
export async function answered<Item extends Reference>(
  items: readonly Item[],
  read: Reader<Item>,
  format: PromptFormat,
): Promise<Answered[][]> {
  const groups = await read(items);
  return groups.map((readings, at) =>
    readings.map((reading) => ({ ...reading, ...scoresOf(reading.trajectory.output, items[at], format) })),
  );
}

/** The answer in an output, and its score by every metric that the reference has everything for. */
export function scoresOf(
  output: string,
  reference: Reference,
  format: Pick<PromptFormat, 'boxed'>,
): { answer: string; scores: Scores } {
  const extraction = { boxed: format.boxed };
  const score = (metric: Metric) => outcomeReward(output, reference, { metric, extraction });
  const scores = Object.fromEntries(metricsFor(reference).map((metric) => [metric, score(metric)])) as Scores;
  return { answer: answerIn(output, format), scores };
}
