/**
 * BABILong as a task to train on: stories in books, in chunks of whole sentences, with the ideal memory after each. The
 * text is put together from tokenized sentences, since a step of training needs thousands of chunks.
 */
import { SeededRandom } from '../../base/random.js';
import type { AgentChunk } from '../../text/chunks.js';
import type { Tokenizer } from '../../text/tokenizer.js';
import { DataError } from '../errors.js';
import type { Example, ExampleSource, RelevanceSource } from '../examples.js';
import type { Books } from './books.js';
import { withDecoys } from './decoys.js';
import type { BabiTask } from './events.js';
import { fragmentOf } from './fragments.js';
import { idealReader } from './ideal.js';
import { changeKind, memoryOf, notesIn } from './notes.js';
import { type BabiQuestion, babiStory } from './stories.js';

export interface BabilongTaskOptions {
  /** One is drawn for each question; a task that is named twice is drawn twice as often. */
  tasks: readonly BabiTask[];
  /**
   * Least and greatest number of chunks of a text, between which all orders of magnitude are equally likely. A story
   * that needs more gets more.
   */
  chunks: readonly [number, number];
  chunkTokens: number;
  /**
   * Least size of a chunk: a text is cut at a size of its own from this one to `chunkTokens`, between which all orders
   * of magnitude are equally likely. Default: always `chunkTokens`. Short chunks teach more a token.
   */
  leastChunkTokens?: number;
  /** Share of the books' sentences that get names of the stories (see decoys.ts); default 0. */
  decoys?: number;
  /** Share of those that also tell what a person of the stories did elsewhere; default 0. */
  nearFacts?: number;
  /** Share of the books' sentences that are cut off or become a heading (see fragments.ts); default 0. */
  fragments?: number;
  /** Which facts count as relevant; default `supporting`. */
  relevant?: Relevant;
  /** Other marks than those; a document is a sentence of the text. */
  marks?: RelevanceSource;
  books: Books;
}

/**
 * `supporting`: those that give the answer, as bAbI marks them, which only shows at the end. `needed`: those that
 * change the ideal memory, because at that point of the reading they might give the answer.
 */
export type Relevant = 'supporting' | 'needed';

/** Versions of a sentence with decoys. */
const VERSIONS = 4;
/** Shares of the texts whose sentences all stand in lines of their own, and of those where some do. */
const LINES_SHARE = 0.1;
const SOME_LINES_SHARE = 0.1;
/** BABILong takes sentences of at least so many tokens. */
const LEAST_SENTENCE_TOKENS = 10;

interface Sentence {
  text: string;
  /** Tokens after a blank. */
  ids: readonly number[];
  /** Number of the fact in its story; absent for a sentence of a book. */
  fact?: number;
}

/** Questions without end, each with a story and a place in the books of its own. */
export function babilongSource(options: BabilongTaskOptions, seed: number, tokenizer: Tokenizer): ExampleSource {
  const sentences = new BookSentences(options, tokenizer);
  return {
    size: Number.POSITIVE_INFINITY,
    relevance: true,
    get: (index) => babilongExample(options, seed, index, sentences),
  };
}

/** A sentence in its text, with the blank before it or the line break after it. */
interface Placed extends Sentence {
  /** Characters with that blank or break. */
  length: number;
}

/** Sentences of the books and of the stories, tokenized once. */
class BookSentences {
  readonly #books: Books;
  readonly #tokenizer: Tokenizer;
  readonly #chunkTokens: number;
  readonly #nearFacts: number;
  /** Numbers of the sentences that can be used. */
  readonly #usable: number[] = [];
  readonly #sentences = new Map<string, Sentence>();
  /** Tokens of sentences at the beginning of a line. */
  readonly #bareIds = new Map<string, readonly number[]>();
  readonly #lineBreak: readonly number[];

  /** @throws DataError `invalid-argument` for books without a sentence that fits a chunk. */
  constructor({ books, chunkTokens, nearFacts = 0 }: BabilongTaskOptions, tokenizer: Tokenizer) {
    this.#books = books;
    this.#tokenizer = tokenizer;
    this.#chunkTokens = chunkTokens;
    this.#nearFacts = nearFacts;
    this.#lineBreak = tokenizer.encodeText('\n');
    for (let at = 0; at < books.size; at++) {
      const tokens = books.tokens(at, tokenizer);
      if (tokens >= LEAST_SENTENCE_TOKENS && tokens <= chunkTokens) this.#usable.push(at);
    }
    if (this.#usable.length > 0) return;
    throw new DataError(
      'invalid-argument',
      `The books have no sentence of ${LEAST_SENTENCE_TOKENS} to ${chunkTokens} tokens. Name other books, or raise chunkTokens.`,
    );
  }

  get size(): number {
    return this.#usable.length;
  }

  at(index: number): Sentence {
    const number = this.#usable[index % this.#usable.length];
    return this.#known(`${number}`, () => this.#books.sentence(number));
  }

  /** The same sentence with names of the stories in it; as it is if that would make it too long. */
  decoy(index: number, version: number): Sentence {
    const number = this.#usable[index % this.#usable.length];
    const key = `${number} decoy ${version}`;
    return this.#fitting(index, key, (text) =>
      withDecoys(text, new SeededRandom('decoy', number, version), this.#nearFacts),
    );
  }

  /** Part of the sentence, or a heading. */
  fragment(index: number, version: number): Sentence {
    const number = this.#usable[index % this.#usable.length];
    const key = `${number} fragment ${version}`;
    return this.#fitting(index, key, (text) => fragmentOf(text, new SeededRandom('fragment', number, version)));
  }

  fact(text: string, fact: number): Sentence {
    return { ...this.#known(text, () => text), fact };
  }

  /** The text's sentences with blanks or line breaks between them. */
  joined(sentences: readonly Sentence[], random: SeededRandom): Placed[] {
    const style = random.next();
    const breaks = style < LINES_SHARE ? 1 : style < LINES_SHARE + SOME_LINES_SHARE ? 0.5 : 0;
    const placed: Placed[] = [];
    for (const sentence of sentences) {
      const { text, ids } = sentence;
      const last = placed.at(-1);
      const bare = last === undefined || random.next() < breaks ? this.#bare(text) : ids;
      const fits = bare !== ids && bare.length < this.#chunkTokens && (last?.ids.length ?? 0) < this.#chunkTokens;
      if (fits && last) {
        last.ids = [...last.ids, ...this.#lineBreak];
        last.length++;
      }
      placed.push(fits ? { ...sentence, ids: bare, length: text.length } : { ...sentence, length: text.length + 1 });
    }
    return placed;
  }

  #known(key: string, make: () => string): Sentence {
    let sentence = this.#sentences.get(key);
    if (sentence === undefined) {
      const text = make();
      sentence = { text, ids: this.#tokenizer.encodeText(` ${text}`) };
      this.#sentences.set(key, sentence);
    }
    return sentence;
  }

  /** The sentence as `changed` makes it, or as it is if that would be too long. */
  #fitting(index: number, key: string, changed: (text: string) => string): Sentence {
    const plain = this.at(index);
    const other = this.#known(key, () => changed(plain.text));
    return other.ids.length <= this.#chunkTokens ? other : plain;
  }

  #bare(text: string): readonly number[] {
    let ids = this.#bareIds.get(text);
    if (ids === undefined) {
      ids = this.#tokenizer.encodeText(text);
      this.#bareIds.set(text, ids);
    }
    return ids;
  }
}

async function babilongExample(
  options: BabilongTaskOptions,
  seed: number,
  index: number,
  books: BookSentences,
): Promise<Example> {
  const { tasks, chunkTokens: longest, leastChunkTokens = longest, decoys = 0, fragments = 0 } = options;
  const random = new SeededRandom('babilong task', seed, index);
  const task = random.pick(tasks);
  const story = random.pick(babiStory({ task, seed, index }));
  const wanted = between(options.chunks, random);
  const chunkTokens = between([leastChunkTokens, longest], random);
  const facts = story.sentences.map((text, at) => books.fact(text, at));
  const background: Sentence[] = [];
  let room = wanted * chunkTokens - facts.reduce((sum, { ids }) => sum + ids.length, 0);
  for (let next = random.integer(books.size); ; next++) {
    const isDecoy = decoys > 0 && random.next() < decoys;
    const isFragment = !isDecoy && fragments > 0 && random.next() < fragments;
    const sentence = isDecoy
      ? books.decoy(next, random.integer(VERSIONS))
      : isFragment
        ? books.fragment(next, random.integer(VERSIONS))
        : books.at(next);
    room -= sentence.ids.length;
    if (room < 0) break;
    background.push(sentence);
  }
  const text = books.joined(mixed(facts, background, random), new SeededRandom('babilong lines', seed, index));
  const chunks = packed(text, chunkTokens);
  const names = { id: `${task}-${seed}-${index}`, task, source: `babilong/${task}` };
  const { question, answer } = story;
  const documents = chunks.flat().map(({ text }) => ({ text }));
  const marks = await options.marks?.({ ...names, question, answers: [answer], documents });
  const marked = marks && new Set(marks.map(({ document }) => document));
  return { ...exampleOf(story, chunks, marked ?? options.relevant), ...names };
}

/** A whole number of a random order of magnitude. */
function between([least, most]: readonly [number, number], random: SeededRandom): number {
  return Math.round(least * (most / least) ** random.next());
}

/** The facts in their order at random places between the others. */
function mixed(facts: readonly Sentence[], background: readonly Sentence[], random: SeededRandom): Sentence[] {
  const places = facts.map(() => random.integer(background.length + 1)).sort((a, b) => a - b);
  const all: Sentence[] = [];
  let next = 0;
  for (let nth = 0; nth <= background.length; nth++) {
    while (next < facts.length && places[next] === nth) all.push(facts[next++]);
    if (nth < background.length) all.push(background[nth]);
  }
  return all;
}

/** Each chunk takes the sentences that fit, as `align: sentence` cuts a text. */
function packed(sentences: readonly Placed[], chunkTokens: number): Placed[][] {
  const chunks: Placed[][] = [];
  let room = 0;
  for (const sentence of sentences) {
    if (chunks.length === 0 || sentence.ids.length > room) {
      chunks.push([]);
      room = chunkTokens;
    }
    room -= sentence.ids.length;
    chunks[chunks.length - 1].push(sentence);
  }
  return chunks;
}

/** @param relevant what counts as relevant, or the numbers of the sentences that do */
function exampleOf(
  { question, answer, supporting, sentences }: BabiQuestion,
  packs: Placed[][],
  relevant: Relevant | ReadonlySet<number> = 'supporting',
): Omit<Example, 'id'> {
  let at = 0;
  const chunks = packs.map((pack, index): AgentChunk => {
    const start = at;
    at += pack.reduce((sum, { length }) => sum + length, 0);
    return { index, start, end: at, ids: pack.flatMap(({ ids }) => ids) };
  });
  const reader = idealReader(question);
  const ideal = [memoryOf(reader.notes())];
  const kinds: (string | undefined)[] = [];
  const needed: number[] = [];
  let read = 0;
  for (const pack of packs) {
    const earlier = reader.notes();
    for (const { fact, text } of pack) {
      if (fact === undefined) continue;
      const before = memoryOf(reader.notes());
      reader.read(text);
      if (memoryOf(reader.notes()) !== before) needed.push(fact);
      read++;
    }
    ideal.push(memoryOf(reader.notes()));
    const told = pack.some(({ fact }) => fact !== undefined);
    kinds.push(told ? changeKind(earlier, reader.notes()) : undefined);
  }
  const facts = new Set(relevant === 'needed' ? needed : supporting);
  let number = 0;
  const shown = packs.map((pack) =>
    pack.filter(({ fact = -1 }) => (typeof relevant === 'string' ? facts.has(fact) : relevant.has(number++))),
  );
  const filtered = shown.map((pack) => pack.flatMap(({ fact }) => fact ?? []));
  if (read !== sentences.length)
    throw new DataError('invalid-argument', 'A story lost facts on its way into the text.');
  return {
    question,
    answers: [answer],
    chunks,
    filteredChunks: shown.map((pack) => pack.map(({ text }) => text).join(' ')),
    idealMemories: ideal,
    changeKinds: kinds,
    filteredMemories: (turn) => afterFiltered(question, packs.slice(0, turn), filtered[turn], sentences),
    ...(reader.merges && {
      idealMemoryOf: (from: number, to: number) => afterFiltered(question, packs.slice(from, to), [], sentences),
    }),
    facts: filtered.flatMap((facts, turn) => facts.map((fact) => ({ text: sentences[fact], title: '', turn }))),
    quality: (turn, memory) => shareHeld(ideal[turn + 1], memory),
  };
}

/** The ideal memory of a reader of whole chunks who then reads some facts alone. */
function afterFiltered(
  question: string,
  before: readonly (readonly Sentence[])[],
  facts: readonly number[],
  sentences: readonly string[],
): string {
  const reader = idealReader(question);
  for (const { fact, text } of before.flat()) if (fact !== undefined) reader.read(text);
  for (const fact of facts) reader.read(sentences[fact]);
  return memoryOf(reader.notes());
}

/** Share of the ideal notes that a memory holds; undefined while there are none. */
function shareHeld(ideal: string, memory: string): number | undefined {
  const wanted = notesIn(ideal);
  if (wanted.length === 0) return undefined;
  const held = new Set(notesIn(memory));
  return wanted.filter((note) => held.has(note)).length / wanted.length;
}
