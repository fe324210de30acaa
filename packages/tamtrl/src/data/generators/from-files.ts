/** Generated tasks whose material is in files: stories, paragraphs, sentences. */
import { count, counted } from '../../base/format.js';
import { splitSentences } from '../../text/sentences.js';
import type { BabiTask } from '../babi/events.js';
import { readStories } from '../babi/read.js';
import type { BabiQuestion } from '../babi/stories.js';
import { DataError } from '../errors.js';
import { loadRecords, type QuestionRecord } from '../records.js';
import { mostFacts } from './babilong.js';
import { DocumentPool, type RulerHqaOptions, rulerHqa } from './ruler-hqa.js';

/** Told of what was left out, and of what there is. */
type Note = (text: string) => void;

/**
 * The sentences of a text, as a haystack for RULER's tasks.
 * @param path of the file that the text is from, for messages
 * @throws DataError `file` if it has none.
 */
export function haystackSentences(text: string, path: string): string[] {
  const sentences = splitSentences(text).map(({ start, end }) => text.slice(start, end).replaceAll(/\s+/g, ' '));
  if (sentences.length === 0) throw new DataError('file', `--haystack: there is no sentence in ${path}.`);
  return sentences;
}

export interface StoryChoice {
  /** Default: all. */
  tasks?: readonly BabiTask[];
  /** Of each task at most; default: all. */
  count?: number;
  /** Length of the texts that they will be hidden in. */
  tokens: number;
}

/**
 * The stories of the wanted tasks that are short enough for the length, in the order of the files.
 * @throws DataError `file` or `record` for what cannot be read, `invalid-argument` if a file does not say the task, or
 *   no story is left.
 */
export async function chosenStories(
  files: readonly string[],
  { tasks, count: wanted = Number.POSITIVE_INFINITY, tokens }: StoryChoice,
  onNote?: Note,
): Promise<BabiQuestion[]> {
  const most = mostFacts(tokens);
  const taken = new Map<string, number>();
  const stories: BabiQuestion[] = [];
  let long = 0;
  for (const file of files) {
    for await (const story of readStories(file)) {
      const task = story.task ?? (tasks?.length === 1 ? tasks[0] : undefined);
      if (task === undefined) {
        throw new DataError(
          'invalid-argument',
          `--stories: ${file} does not say which task its stories belong to; name it with --task, such as qa1.`,
        );
      }
      const number = taken.get(task) ?? 0;
      if ((tasks && !tasks.some((each) => each === task)) || number >= wanted) continue;
      if (story.sentences.length > most) {
        long++;
        continue;
      }
      taken.set(task, number + 1);
      stories.push({ ...story, task });
    }
  }
  if (long > 0) onNote?.(`${count(long)} stories of more than ${count(most)} facts left out: too long for this length`);
  if (stories.length > 0) return stories;
  const which = `${tasks === undefined ? '' : ` of ${tasks.join(', ')}`}${long > 0 ? ' that is short enough' : ''}`;
  throw new DataError('invalid-argument', `--stories: ${files.join(', ')} has no story${which}.`);
}

export interface RulerHqaSources extends RulerHqaOptions {
  /** Files of the records whose paragraphs are hidden. */
  from: readonly string[];
  /** Files of further records to borrow paragraphs from. */
  pool: readonly string[];
  /** How many records; default: all of `from`. */
  count?: number;
}

/** @throws DataError `file` for what cannot be read, `invalid-argument` without usable records. */
export async function rulerHqaRecords(
  { from, pool: more, count: wanted, ...options }: RulerHqaSources,
  onNote?: Note,
): Promise<{ total: number; records: Iterable<QuestionRecord> }> {
  const pool = new DocumentPool();
  const records: QuestionRecord[] = [];
  for (const file of from) {
    const loaded = await loadRecords(file);
    records.push(...loaded.records);
    if (loaded.problems.length > 0) onNote?.(`${file}: ${counted(loaded.problems.length, 'line')} left out`);
  }
  for (const record of records) pool.add(record);
  for (const file of more) {
    for (const record of (await loadRecords(file, { requireGold: false })).records) pool.add(record);
  }
  const chosen = records.slice(0, wanted ?? records.length);
  if (chosen.length === 0) {
    throw new DataError('invalid-argument', `${from.join(', ')}: there are no usable records.`);
  }
  onNote?.(`${count(pool.size)} paragraphs to borrow from`);
  function* hidden(): Generator<QuestionRecord> {
    for (const record of chosen) yield rulerHqa(record, pool, options);
  }
  return { total: chosen.length, records: hidden() };
}
