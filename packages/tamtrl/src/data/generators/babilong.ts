/**
 * BABILong (arXiv 2406.10149): a bAbI story hidden in books. The facts stand in their order at sorted random places,
 * drawn with replacement, between whole sentences of at least 10 tokens.
 */
import { count } from '../../base/format.js';
import { SeededRandom } from '../../base/random.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import type { Books } from '../babi/books.js';
import { BABI_TASKS, type BabiTask, isBabiTask } from '../babi/events.js';
import { type BabiQuestion, babiStory } from '../babi/stories.js';
import { DataError } from '../errors.js';
import type { StreamedRecord } from '../files/writer.js';

/** Tokens that the published lengths leave for the prompt. */
export const PROMPT_TOKENS = 300;
/** Shorter sentences of books are left out. */
const LEAST_SENTENCE_TOKENS = 10;
/** Tokens of the text for each fact at least; longer stories are left out. */
const TOKENS_EACH_FACT = 8;
/** Facts before a task's earliest question. */
const leastFacts = (task: BabiTask) => (task === 'qa3' ? 4 : 2);

export interface BabilongOptions {
  /** Length as in the published tables: 16,000 is a text of at most 15,700 tokens. 0: the facts alone. */
  tokens: number;
  /** Its tokens are counted; not needed for 0 tokens. */
  tokenizer?: Tokenizer;
  /** Not needed for 0 tokens. */
  books?: Books;
  seed: number;
  /** Number of the record; each has its own places. */
  index: number;
  /** Start the books again when they end, instead of refusing texts longer than they are; default false. */
  repeatBooks?: boolean;
}

export interface BabilongRecord extends StreamedRecord {
  story: BabiQuestion;
  /** Places of all facts in the text, whether the answer needs them or not; complete once `text` has been read. */
  facts: () => readonly { start: number; end: number }[];
}

/** Facts that a story may have at this length; BABILong leaves out what is longer. */
export function mostFacts(tokens: number): number {
  return tokens === 0 ? Number.POSITIVE_INFINITY : Math.floor((tokens - PROMPT_TOKENS) / TOKENS_EACH_FACT);
}

/**
 * A question of a simulated story that is short enough. Record `index` has the same story at all lengths that allow it.
 * @throws DataError `invalid-argument` if the length leaves no room for any story of the task.
 */
export function simulatedQuestion(task: BabiTask, seed: number, index: number, tokens: number): BabiQuestion {
  const most = mostFacts(tokens);
  if (most < leastFacts(task)) {
    const facts = Math.max(0, most);
    throw new DataError(
      'invalid-argument',
      `${count(tokens)} tokens leave room for ${facts === 1 ? '1 fact' : `${facts} facts`} (${PROMPT_TOKENS} tokens are left for the prompt, and each fact needs ${TOKENS_EACH_FACT}), but no story of ${task} is that short. Ask for more tokens, or for 0: the facts alone.`,
    );
  }
  const random = new SeededRandom('babilong', 'story', task, seed, index);
  for (;;) {
    const question = random.pick(babiStory({ task, seed, index: random.integer(2 ** 31) }));
    if (question.sentences.length <= most) return question;
  }
}

/**
 * The record of a question, with the story in a text of `tokens` tokens. Only a sentence at a time is in memory.
 * @throws DataError `invalid-argument` if the books are too short, or the facts alone too long.
 */
export function babilongRecord(story: BabiQuestion, options: BabilongOptions): BabilongRecord {
  const { tokens, seed, index } = options;
  const task = story.task ?? 'babi';
  const random = new SeededRandom('babilong', task, tokens, seed, index);
  const { length, from } = background(story, options, random);
  // How many sentences of the books come before each fact.
  const places = story.sentences.map(() => random.integer(length + 1)).sort((a, b) => a - b);
  const facts: { start: number; end: number }[] = [];
  const { books, tokenizer } = options;

  function* write(): Generator<string> {
    let at = 0;
    let next = 0;
    let sentence = from;
    facts.length = 0;
    const put = (text: string): string => {
      const piece = at === 0 ? text : ` ${text}`;
      at += piece.length;
      return piece;
    };
    for (let nth = 0; nth <= length; nth++) {
      for (; next < places.length && places[next] === nth; next++) {
        const text = story.sentences[next];
        const piece = put(text);
        facts.push({ start: at - text.length, end: at });
        yield piece;
      }
      if (nth === length || books === undefined || tokenizer === undefined) continue;
      while (books.tokens(sentence, tokenizer) < LEAST_SENTENCE_TOKENS) sentence = (sentence + 1) % books.size;
      yield put(books.sentence(sentence));
      sentence = (sentence + 1) % books.size;
    }
  }

  return {
    id: `${task}-${lengthName(tokens)}-${seed}-${index}`,
    source: `babilong/${task}/${lengthName(tokens)}`,
    question: story.question,
    answers: [story.answer],
    metric: 'babilong',
    text: { [Symbol.iterator]: write },
    evidence: () => story.supporting.map((fact) => ({ document: 0, ...facts[fact] })),
    facts: () => [...facts],
    story,
  };
}

/** Records of a task, unless their number is asked for: as in the published data set. */
const EACH_TASK = 100;

/**
 * Records made one by one: of the given stories, or of `count` simulated ones of each task.
 * @throws DataError as `babilongRecord` and `simulatedQuestion`, when the record is reached.
 */
export function babilongRecords(
  stories: readonly BabiQuestion[] | { tasks: readonly BabiTask[]; count?: number },
  options: Omit<BabilongOptions, 'index'>,
): { total: number; records: Iterable<BabilongRecord> } {
  function* ofStories(given: readonly BabiQuestion[]): Generator<BabilongRecord> {
    for (const [index, story] of given.entries()) yield babilongRecord(story, { ...options, index });
  }
  function* simulated(tasks: readonly BabiTask[], count: number): Generator<BabilongRecord> {
    const { seed, tokens } = options;
    for (const task of tasks) {
      for (let index = 0; index < count; index++) {
        yield babilongRecord(simulatedQuestion(task, seed, index, tokens), { ...options, index });
      }
    }
  }
  if (!('tasks' in stories)) return { total: stories.length, records: ofStories(stories) };
  const { tasks, count = EACH_TASK } = stories;
  return { total: tasks.length * count, records: simulated(tasks, count) };
}

/** The number of book sentences that fit, from a random one on, which goes round to the first after the last. */
function background(
  story: BabiQuestion,
  { tokens, tokenizer, books, repeatBooks = false }: BabilongOptions,
  random: SeededRandom,
): { length: number; from: number } {
  if (tokens === 0) return { length: 0, from: 0 };
  if (books === undefined || tokenizer === undefined) {
    throw new DataError('invalid-argument', `${count(tokens)} tokens need books, and a tokenizer to count them.`);
  }
  const own = story.sentences.reduce((sum, fact) => sum + tokenizer.encodeText(` ${fact}`).length, 0);
  const room = tokens - PROMPT_TOKENS - own;
  if (room < 0) {
    throw new DataError(
      'invalid-argument',
      `${count(tokens)} tokens were asked for, of which ${PROMPT_TOKENS} are left for the prompt, but the story of ${story.sentences.length} facts alone has ${count(own)}. Ask for more tokens.`,
    );
  }
  const from = random.integer(books.size);
  let used = 0;
  let length = 0;
  for (let nth = 0; ; nth++) {
    if (nth % books.size === 0 && nth > 0 && (!repeatBooks || length === 0)) {
      throw new DataError(
        'invalid-argument',
        `The books are too short: their sentences of at least ${LEAST_SENTENCE_TOKENS} tokens have ${count(used)} tokens in all, but ${count(room)} are needed. Name more or longer ones with --books${length === 0 ? '' : ', or repeat them with --repeat-books'}.`,
      );
    }
    const price = books.tokens((from + nth) % books.size, tokenizer);
    if (price < LEAST_SENTENCE_TOKENS) continue;
    if (used + price > room) return { length, from };
    used += price;
    length++;
  }
}

/** "16k", "1M", "0k"; a length that is not a whole thousand is written in full. */
function lengthName(tokens: number): string {
  if (tokens > 0 && tokens % 1_000_000 === 0) return `${tokens / 1_000_000}M`;
  return tokens % 1000 === 0 ? `${tokens / 1000}k` : String(tokens);
}

/**
 * Tasks by name: "qa1", "qa1,qa3", "qa1..qa5" or "all".
 * @throws DataError `invalid-argument` for anything else.
 */
export function babilongTasks(names: string): BabiTask[] {
  const found = names.split(',').flatMap((name): BabiTask[] => {
    const [, first, last] = /^qa(\d+)\.\.qa(\d+)$/.exec(name.trim()) ?? [];
    if (name.trim() === 'all') return [...BABI_TASKS];
    if (first !== undefined && Number(first) <= Number(last)) {
      return babilongTasks(
        Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => `qa${Number(first) + at}`).join(','),
      );
    }
    if (isBabiTask(name.trim())) return [name.trim() as BabiTask];
    throw new DataError(
      'invalid-argument',
      `--task: ${JSON.stringify(name.trim())} is not a task; expected qa1 to qa10, several as "qa1,qa3" or "qa1..qa5", or "all".`,
    );
  });
  return [...new Set(found)];
}
