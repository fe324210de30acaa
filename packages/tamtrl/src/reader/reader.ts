/**
 * The memory agent for programs: reads a text of any length for one question or several, tells of every turn, can be stopped, saved and gone on
 * with, and asked whenever there is something to answer from. Nothing here needs Node.
 */
import { fnv1a } from '../base/hash.js';
import type { MemoryModel } from '../memory/agent.js';
import { fittingBudgets, promptsFor } from '../memory/asking.js';
import { MemoryError } from '../memory/errors.js';
import { type Budgets, PromptFrames } from '../memory/frames.js';
import type { PromptFormat } from '../memory/prompts.js';
import { carriedIds } from '../memory/trajectory.js';
import { extractAnswer } from '../reward/extract.js';
import { type Chunk, chunkStream } from '../text/chunks.js';
import { ReaderError } from './errors.js';
import { type TextSource, textOf } from './input.js';
import { piecesOf } from './provenance.js';
import { type MemoryPiece, type ReaderState, readerStateSchema } from './state.js';

export interface ReaderOptions extends Partial<Budgets> {
  /** An open policy, or anything that samples from token ids. */
  model: MemoryModel;
  /** One question, or several that are read for at once, each with a memory of its own. */
  question: string | readonly string[];
  /** Go on where this was saved. Budgets are those of the state. */
  state?: ReaderState;
  /** Wording; default: by the model. */
  prompts?: PromptFormat;
  /** 0 (default) is greedy. */
  temperature?: number;
  seed?: number;
  signal?: AbortSignal;
}

/** The memory of one question after a turn. */
export interface QuestionMemory {
  question: string;
  memory: string;
  /** Its sentences and lines, and where each comes from. */
  provenance: MemoryPiece[];
  /** The model ran into the limit: the memory may end within a sentence. */
  truncated: boolean;
  /** The model wrote nothing, so the memory before it stands. */
  empty: boolean;
}

export interface MemoryEvent {
  type: 'memory';
  /** Chunks read so far, this one included. */
  turn: number;
  chunk: { index: number; start: number; end: number; tokens: number };
  memories: QuestionMemory[];
  tokens: { prompt: number; output: number };
  seconds: number;
}

export interface Answer {
  question: string;
  answer: string;
  /** All that the model wrote, the box around the answer included. */
  output: string;
  /** The memory that it was given from. */
  memory: string;
  provenance: MemoryPiece[];
  truncated: boolean;
}

export interface ReadingOptions {
  /** The source is the whole text from its beginning: what has been read of it is passed over. Default: it follows what came before. */
  whole?: boolean;
}

interface Slot {
  question: string;
  questionIds: number[];
  memoryIds: number[];
  pieces: MemoryPiece[];
}

export class MemoryReader {
  readonly budgets: Budgets;
  readonly #model: MemoryModel;
  readonly #frames: PromptFrames;
  readonly #options: ReaderOptions;
  readonly #slots: Slot[];
  #turns = 0;
  #position = 0;
  #fingerprint = fnv1a('');
  #pending = '';
  readonly #tokens = { prompt: 0, output: 0 };
  #seconds = 0;

  /** @throws MemoryError `window` or `question-too-long`; ReaderError `state` for a state of other questions. */
  constructor(options: ReaderOptions) {
    const { model, state } = options;
    this.#options = options;
    this.#model = model;
    this.#frames = new PromptFrames(model, options.prompts ?? promptsFor(model.tokenizer));
    const { questionTokens, chunkTokens, memoryTokens, answerTokens } = options;
    const given = Object.fromEntries(
      Object.entries({ questionTokens, chunkTokens, memoryTokens, answerTokens }).filter(
        ([, value]) => value !== undefined,
      ),
    );
    this.budgets = state?.budgets ?? fittingBudgets(this.#frames, model.contextLength, given);
    this.#frames.checkWindow(this.budgets, model.contextLength);
    const questions = typeof options.question === 'string' ? [options.question] : options.question;
    if (questions.length === 0 || questions.some((question) => question.trim() === '')) {
      throw new ReaderError('empty', 'There is no question: what a memory keeps depends on it.');
    }
    this.#slots = questions.map((question) => this.#slot(question));
    if (state) this.#restore(state, questions);
  }

  #slot(question: string): Slot {
    const { tokenizer } = this.#model;
    const questionIds = tokenizer.encodeText(question);
    if (questionIds.length > this.budgets.questionTokens) {
      throw new MemoryError(
        'question-too-long',
        `The question has ${questionIds.length} tokens; questionTokens allows ${this.budgets.questionTokens}. Shorten it, or raise questionTokens.`,
      );
    }
    return { question, questionIds, memoryIds: this.#frames.initialMemory(question), pieces: [] };
  }

  #restore(given: ReaderState, questions: readonly string[]): void {
    const parsed = readerStateSchema.safeParse(given);
    if (!parsed.success) {
      const [{ path, message }] = parsed.error.issues;
      throw new ReaderError(
        'state',
        `The saved state is damaged (${path.join('.')}: ${message}). Read again from the beginning.`,
      );
    }
    const state = parsed.data;
    const saved = state.questions.map(({ question }) => question);
    if (saved.join('\n') !== [...questions].join('\n')) {
      throw new ReaderError(
        'state',
        `The saved state is of ${saved.length === 1 ? `the question ${JSON.stringify(saved[0])}` : `other questions: ${saved.map((each) => JSON.stringify(each)).join(', ')}`}. A memory keeps what its own question needs; read again for a new one.`,
      );
    }
    state.questions.forEach(({ memory, pieces }, at) => {
      const slot = this.#slots[at];
      slot.memoryIds = this.#model.tokenizer.encodeText(memory).slice(0, this.budgets.memoryTokens);
      slot.pieces = pieces;
    });
    this.#turns = state.turns;
    this.#position = state.position;
    this.#fingerprint = state.fingerprint;
    this.#pending = state.pending;
    Object.assign(this.#tokens, state.tokens);
    this.#seconds = state.seconds;
  }

  /** The memory of the first question. */
  get memory(): string {
    return this.memories[0];
  }

  /** The memories of all questions. */
  get memories(): string[] {
    return this.#slots.map(({ memoryIds }) => this.#text(memoryIds));
  }

  /** Chunks that have been read. */
  get turns(): number {
    return this.#turns;
  }

  get tokens(): { prompt: number; output: number } {
    return { ...this.#tokens };
  }

  /** Spent in the model. */
  get seconds(): number {
    return this.#seconds;
  }

  /** Plain JSON, after the last whole turn. */
  state(): ReaderState {
    return {
      version: 1,
      questions: this.#slots.map(({ question, memoryIds, pieces }) => ({
        question,
        memory: this.#text(memoryIds),
        pieces,
      })),
      budgets: { ...this.budgets },
      ...{ turns: this.#turns, position: this.#position, fingerprint: this.#fingerprint, pending: this.#pending },
      ...{ tokens: { ...this.#tokens }, seconds: this.#seconds },
    };
  }

  /**
   * Reads all whole chunks of what has come so far; the rest waits for more, or for an answer.
   * @throws ReaderError `interrupted` with the state if the model fails; `input` for what is no text; the signal's reason.
   */
  async *read(source: TextSource, options: ReadingOptions = {}): AsyncGenerator<MemoryEvent, void> {
    const base = this.#position;
    const held = this.#pending;
    const text = options.whole ? this.#after(source) : following(held, source);
    const taken = new TakenText();
    const chunks = chunkStream(taken.keep(text), this.#model.tokenizer, { chunkTokens: this.budgets.chunkTokens });
    let waiting: Chunk | undefined;
    let finished = false;
    try {
      for await (const chunk of chunks) {
        // The last chunk may grow: it is read when the next one is there.
        if (waiting) {
          const event = await this.#update(waiting, base);
          taken.drop(this.#position - base);
          this.#pending = taken.text;
          yield event;
        }
        waiting = chunk;
      }
      finished = true;
    } finally {
      // What was taken from the source and is not read stays, whatever happened; with nothing taken, what was there before does.
      const untouched = !finished && taken.text === '' && this.#position === base;
      this.#pending = untouched ? held : taken.text;
    }
  }

  /** Reads to the end without telling of the turns. */
  async readAll(source: TextSource, options: ReadingOptions = {}): Promise<void> {
    for await (const _ of this.read(source, options));
  }

  /** Reads what waits as a last, shorter chunk, and returns the memories. */
  async finish(): Promise<string[]> {
    const base = this.#position;
    const chunks: Chunk[] = [];
    const options = { chunkTokens: this.budgets.chunkTokens };
    for await (const chunk of chunkStream(following(this.#pending, ''), this.#model.tokenizer, options))
      chunks.push(chunk);
    for (const chunk of chunks) {
      await this.#update(chunk, base);
      this.#pending = this.#pending.slice(chunk.text.length);
    }
    return this.memories;
  }

  /**
   * Answers from what has come so far. Text that waits for more is read for the answer but not kept as read, so that a chunk is not cut
   * short for good.
   * @throws ReaderError `empty` if nothing has been read; `interrupted` if the model fails.
   */
  async answer(): Promise<Answer[]> {
    if (this.#turns === 0 && this.#pending.trim() === '') {
      throw new ReaderError('empty', 'The text is empty: there is nothing to answer from.');
    }
    let memories = this.#slots.map(({ memoryIds, pieces }) => ({ ids: memoryIds, pieces }));
    if (this.#pending.trim() !== '') {
      const chunks: Chunk[] = [];
      for await (const chunk of chunkStream(following(this.#pending, ''), this.#model.tokenizer, {
        chunkTokens: this.budgets.chunkTokens,
      }))
        chunks.push(chunk);
      for (const [at, chunk] of chunks.entries()) {
        const results = await this.#sampleUpdate(
          chunk,
          memories.map(({ ids }) => ids),
        );
        const place = { index: this.#turns + at, text: chunk.text, start: this.#position + chunk.start };
        memories = results.map(({ ids }, slot) => ({
          ids,
          pieces: piecesOf(this.#text(ids), memories[slot].pieces, place),
        }));
      }
    }
    const prompts = this.#slots.map(({ questionIds }, at) => this.#frames.answer(questionIds, memories[at].ids));
    const outputs = await this.#sample(prompts, this.budgets.answerTokens, 'answer');
    return outputs.map(({ ids, truncated }, at) => {
      const output = this.#text(ids);
      const memory = this.#text(memories[at].ids);
      const answer = extractAnswer(output, { boxed: this.#frames.format.boxed });
      return { question: this.#slots[at].question, answer, output, memory, provenance: memories[at].pieces, truncated };
    });
  }

  async #update(chunk: Chunk, base: number): Promise<MemoryEvent> {
    const started = performance.now();
    const before = { ...this.#tokens };
    const results = await this.#sampleUpdate(
      chunk,
      this.#slots.map(({ memoryIds }) => memoryIds),
    );
    const start = base + chunk.start;
    const place = { index: this.#turns, text: chunk.text, start };
    const memories = this.#slots.map((slot, at): QuestionMemory => {
      const { ids, truncated, empty } = results[at];
      slot.memoryIds = ids;
      const memory = this.#text(ids);
      slot.pieces = piecesOf(memory, slot.pieces, place);
      return { question: slot.question, memory, provenance: slot.pieces, truncated, empty };
    });
    this.#turns++;
    this.#position = start + chunk.text.length;
    this.#fingerprint = fnv1a(chunk.text, this.#fingerprint);
    const tokens = { prompt: this.#tokens.prompt - before.prompt, output: this.#tokens.output - before.output };
    const seconds = (performance.now() - started) / 1000;
    return {
      type: 'memory',
      turn: this.#turns,
      chunk: { index: place.index, start, end: this.#position, tokens: chunk.ids.length },
      memories,
      tokens,
      seconds,
    };
  }

  async #sampleUpdate(chunk: Chunk, memories: readonly (readonly number[])[]) {
    const prompts = this.#slots.map(({ questionIds }, at) => this.#frames.update(questionIds, memories[at], chunk.ids));
    const results = await this.#sample(prompts, this.budgets.memoryTokens, `chunk ${this.#turns + 1}`);
    return results.map(({ ids, truncated }, at) => {
      const kept = this.#frames.carried(ids);
      const empty = this.#text(kept).trim() === '';
      return { ids: empty ? [...memories[at]] : kept, truncated, empty };
    });
  }

  async #sample(prompts: readonly (readonly number[])[], maxTokens: number, what: string) {
    const { chat, tokenizer } = this.#model;
    const { temperature = 0, seed = 0, signal } = this.#options;
    signal?.throwIfAborted();
    const started = performance.now();
    let samples: Awaited<ReturnType<MemoryModel['sample']>>;
    try {
      samples = await this.#model.sample(
        prompts.map((promptIds) => ({ promptIds })),
        { maxTokens, temperature, stopIds: chat.stopIds, seed, signal },
      );
    } catch (error) {
      signal?.throwIfAborted();
      const { message } = error as Error;
      throw new ReaderError('interrupted', `Reading stopped at ${what}: ${message}`, {
        cause: error,
        state: this.state(),
      });
    } finally {
      this.#seconds += (performance.now() - started) / 1000;
    }
    return samples.map(([{ tokens, stopReason }], at) => {
      this.#tokens.prompt += prompts[at].length;
      this.#tokens.output += tokens.length;
      return { ids: carriedIds(tokens, chat.stopIds, tokenizer.idOf('</think>')), truncated: stopReason === 'length' };
    });
  }

  #text(ids: readonly number[]): string {
    return this.#model.tokenizer.decode(ids, { skipSpecialTokens: true });
  }

  /** The source without what has been read of it. @throws ReaderError `state` if it begins otherwise. */
  async *#after(source: TextSource): AsyncGenerator<string> {
    // Both move on while the rest is read.
    const skip = this.#position;
    const expected = this.#fingerprint;
    let passed = 0;
    let hash = fnv1a('');
    for await (const bit of textOf(source)) {
      if (passed >= skip) {
        yield bit;
        continue;
      }
      const old = bit.slice(0, skip - passed);
      hash = fnv1a(old, hash);
      passed += old.length;
      if (passed < skip) continue;
      if (hash !== expected) throw this.#otherText();
      if (old.length < bit.length) yield bit.slice(old.length);
    }
    if (passed < skip) throw this.#otherText();
  }

  #otherText(): ReaderError {
    return new ReaderError(
      'state',
      `The saved state has read ${this.#position} characters of a text that began otherwise. Give the same text (it may have grown), or read again without the state.`,
    );
  }
}

async function* following(pending: string, source: TextSource): AsyncGenerator<string> {
  if (pending !== '') yield pending;
  yield* textOf(source);
}

/** Text that has been taken from a source and not been read. */
class TakenText {
  text = '';
  #dropped = 0;

  async *keep(source: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const bit of source) {
      this.text += bit;
      yield bit;
    }
  }

  /** @param read characters of the source that have been read so far */
  drop(read: number): void {
    this.text = this.text.slice(read - this.#dropped);
    this.#dropped = read;
  }
}
