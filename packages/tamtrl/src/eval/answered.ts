/**
 * The one evaluation: a batch of questions is read to its answers, and these are scored. Training, `tamtrl eval` and
 * reports differ in what they feed it and in what they keep.
 */
import { answerIn } from '../memory/extract.js';
import type { PromptFormat } from '../memory/prompts.js';
import { METRICS, type Metric, scoreAnswer } from '../reward/outcome.js';
import type { Reader, Reading } from './readers.js';

/** Every metric of an answer, in [0, 1]. */
export type Scores = Record<Metric, number>;

export interface Answered extends Reading {
  /** As it was found in the output. */
  answer: string;
  scores: Scores;
}

/** Reads the items and scores their answers: [items][samples]. @throws whatever the reader throws. */
export async function answered<Item extends { answers: readonly string[] }>(
  items: readonly Item[],
  read: Reader<Item>,
  format: PromptFormat,
): Promise<Answered[][]> {
  const groups = await read(items);
  return groups.map((readings, at) =>
    readings.map((reading) => ({ ...reading, ...scoresOf(reading.trajectory.output, items[at].answers, format) })),
  );
}

/**
 * The answer in an output, and its scores: the best over the right answers, for `ruler_all` the mean. RULER's metrics
 * look at the whole output, the others at the answer in it.
 */
export function scoresOf(
  output: string,
  answers: readonly string[],
  format: PromptFormat,
): { answer: string; scores: Scores } {
  const answer = answerIn(output, format);
  const score = (metric: Metric) => scoreAnswer(metric.startsWith('ruler') ? output : answer, answers, { metric });
  return { answer, scores: Object.fromEntries(METRICS.map((metric) => [metric, score(metric)])) as Scores };
}
