/**
 * Relevance in a memory agent's own terms, without a judge's prompt: the agent reads the text sentence by sentence, and
 * a sentence at which it changes its memory matters to it. Such marks hold at the time of reading: a fact that may turn
 * out to be needed counts, as for `data.relevant: needed`.
 */
import type { RelevanceSource } from '../data/examples.js';
import type { QuestionRecord } from '../data/records.js';
import { type RelevanceMarks, type Sentence, sentencesOf } from '../data/relevance.js';
import { runAgent } from '../memory/agent.js';
import type { Budgets, PromptFrames } from '../memory/frames.js';
import { memoryBefore, type Trajectory } from '../memory/trajectory.js';
import type { MemoryModel } from '../memory/turn.js';
import { mergeRanges } from '../text/filter.js';

export interface ReadingRelevanceOptions {
  frames: PromptFrames;
  /** A sentence beyond `chunkTokens` is read as far as they go. */
  budgets: Budgets;
  signal?: AbortSignal;
}

/** A record read sentence by sentence, greedily. */
export interface SentenceReading {
  sentences: readonly Sentence[];
  /** A memory turn for each sentence, unless the agent stopped reading, and the answer. */
  trajectory: Trajectory;
}

/**
 * Reads every record sentence by sentence, all of them side by side.
 * @throws MemoryError `window` or `question-too-long`
 */
export async function readSentences(
  model: MemoryModel,
  records: readonly QuestionRecord[],
  { frames, budgets, signal }: ReadingRelevanceOptions,
): Promise<SentenceReading[]> {
  const read = records.map((record) => sentencesOf(record));
  const tasks = records.map(({ id, question }, at) => {
    const chunks = read[at].map(({ title, text }, index) => {
      const ids = model.tokenizer.encodeText(title === '' ? text : `${title}: ${text}`);
      return { index, ids: ids.slice(0, budgets.chunkTokens), start: index, end: index + 1 };
    });
    return { id, question, chunks };
  });
  const options = { frames, budgets, temperature: 0, seed: 0, keep: 'memories', signal } as const;
  const trajectories = await runAgent(model, tasks, options);
  return trajectories.map(([trajectory], at) => ({ sentences: read[at], trajectory }));
}

/** The sentences at which the agent changed its memory. */
export function changesOf({ sentences, trajectory }: SentenceReading): RelevanceMarks {
  const changed = sentences.filter((_, at) => {
    const turn = trajectory.turns[at];
    return turn?.kind === 'memory' && turn.memoryIds.join() !== memoryBefore(trajectory, at).join();
  });
  return mergeRanges(changed);
}

/** Marks by `changesOf`; records that are asked for at the same time are read side by side. */
export function readingRelevance(model: MemoryModel, options: ReadingRelevanceOptions): RelevanceSource {
  interface Asked {
    record: QuestionRecord;
    resolve(marks: RelevanceMarks): void;
    reject(error: unknown): void;
  }
  let waiting: Asked[] = [];
  const readAll = async () => {
    const asked = waiting;
    waiting = [];
    try {
      const readings = await readSentences(
        model,
        asked.map(({ record }) => record),
        options,
      );
      asked.forEach(({ resolve }, at) => void resolve(changesOf(readings[at])));
    } catch (error) {
      for (const { reject } of asked) reject(error);
    }
  };
  return (record) =>
    new Promise((resolve, reject) => {
      if (waiting.push({ record, resolve, reject }) === 1) setImmediate(readAll);
    });
}
