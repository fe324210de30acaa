/**
 * The memory agent for programs: reads a text of any length for one question or several and reports every turn. It can
 * be stopped, saved and resumed, and can answer as soon as it has read something. Nothing here needs Node.
 */
import { fnv1a } from '../base/hash.js';
import { given } from '../base/objects.js';
import { fittingBudgets, promptsFor } from '../memory/asking.js';
import { Drafting } from '../memory/drafting.js';
import { answerIn } from '../memory/extract.js';
import { type Budgets, PromptFrames } from '../memory/frames.js';
import type { PromptFormat } from '../memory/prompts.js';
import {
  asMemory,
  type EmptyRule,
  firstMemoryOf,
  type MemoryModel,
  memoryAfter,
  type Output,
  plainText,
  questionIdsOf,
  sampleTurn,
} from '../memory/turn.js';
import type { GenerateRequest } from '../policy/types.js';
import { type Chunk, type ChunkOptions, chunkStream } from '../text/chunks.js';
import { ReaderError } from './errors.js';
import type { Answer, MemoryEvent, QuestionMemory } from './events.js';
import { type TextSource, textOf } from './input.js';
import { piecesOf } from './provenance.js';
import { type MemoryPiece, type ReaderState, readerStateSchema } from './state.js';
import { TakenText } from './taken-text.js';

export type { Answer, MemoryEvent, QuestionMemory };

export interface ReaderOptions extends Partial<Budgets> {
  /** An open policy, or anything that samples from token ids. */
  model: MemoryModel;
  /** One question, or several that share one reading of the text, each with its own memory. */
  question: string | readonly string[];
  /** Continue from this saved state. Its budgets apply. */
  state?: ReaderState;
  /** Wording of the prompts; by default it depends on the model. */
  prompts?: PromptFormat;
  /** What an empty output does to the memory; default `keep`. */
  empty?: EmptyRule;
  /** Where chunks end; default `token`. */
  align?: ChunkOptions['align'];
  /** 0 (default) is greedy. */
  temperature?: number;
  seed?: number;
  signal?: AbortSignal;
}

export interface ReadingOptions {
  /**
   * The source is the whole text from its beginning, and the part that has been read is skipped. By default, the source
   * continues the text read so far.
   */
  whole?: boolean;
}

interface Slot {
  question: string;
  questionIds: number[];
  memoryIds: readonly number[];
  pieces: MemoryPiece[];
  drafting: Drafting;
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
    const limits = given({ questionTokens, chunkTokens, memoryTokens, answerTokens });
    this.budgets = state?.budgets ?? fittingBudgets(this.#frames, model.contextLength, limits);
    this.#frames.checkWindow(this.budgets, model.contextLength);
    const questions = typeof options.question === 'string' ? [options.question] : options.question;
    if (questions.length === 0 || questions.some((question) => question.trim() === '')) {
      throw new ReaderError(
        'empty',
        'There is no question. Give at least one: the memory keeps what the question needs.',
      );
    }
    this.#slots = questions.map((question): Slot => {
      const questionIds = questionIdsOf(this.#frames, this.budgets, question);
      const memoryIds = firstMemoryOf(this.#frames, this.budgets, question);
      return { question, questionIds, memoryIds, pieces: [], drafting: new Drafting(model.chat, this.#frames) };
    });
    if (state) this.#restore(state, questions);
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
      const list = saved.map((each) => JSON.stringify(each)).join(', ');
      throw new ReaderError(
        'state',
        `The saved state belongs to ${saved.length === 1 ? `the question ${list}` : `other questions: ${list}`}. A memory keeps what its own question needs; read the text again for a new question.`,
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

  /** Chunks read so far. */
  get turns(): number {
    return this.#turns;
  }

  get tokens(): { prompt: number; output: number } {
    return { ...this.#tokens };
  }

  /** Seconds spent in the model. */
  get seconds(): number {
    return this.#seconds;
  }

  /** The state after the last complete turn, as plain JSON. */
  state(): ReaderState {
    const questions = this.#slots.map(({ question, memoryIds, pieces }) => {
      return { question, memory: this.#text(memoryIds), pieces };
    });
    return {
      version: 1,
      questions,
      budgets: { ...this.budgets },
      turns: this.#turns,
      position: this.#position,
      fingerprint: this.#fingerprint,
      pending: this.#pending,
      tokens: { ...this.#tokens },
      seconds: this.#seconds,
    };
  }

  /**
   * Reads all complete chunks of the text so far; the rest waits for more text or for an answer.
   * @throws ReaderError `interrupted` with the state if the model fails; `input` if the source is not text; the
   *   signal's reason.
   */
  async *read(source: TextSource, options: ReadingOptions = {}): AsyncGenerator<MemoryEvent, void> {
    const base = this.#position;
    const held = this.#pending;
    const text = options.whole ? this.#after(source) : following(held, source);
    const taken = new TakenText();
    const chunks = this.#chunks(taken.keep(text));
    let waiting: Chunk | undefined;
    let finished = false;
    try {
      for await (const chunk of chunks) {
        // The last chunk may still grow, so it is read only when the next one has begun.
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
      // Text taken from the source but not yet read is kept, whatever happens. If nothing was taken, the old text is
      // kept.
      const untouched = !finished && taken.text === '' && this.#position === base;
      this.#pending = untouched ? held : taken.text;
    }
  }

  /** Reads the whole source without reporting turns. */
  async readAll(source: TextSource, options: ReadingOptions = {}): Promise<void> {
    for await (const _ of this.read(source, options));
  }

  /** Reads the waiting text as a shorter last chunk, and returns the memories. */
  async finish(): Promise<string[]> {
    const base = this.#position;
    for (const chunk of await this.#pendingChunks()) {
      await this.#update(chunk, base);
      this.#pending = this.#pending.slice(chunk.text.length);
    }
    return this.memories;
  }

  /**
   * Answers from the text so far. Waiting text is read for the answer but does not count as read, so that no chunk is
   * cut short permanently.
   * @throws ReaderError `empty` if nothing has been read; `interrupted` if the model fails.
   */
  async answer(): Promise<Answer[]> {
    const waiting = this.#pending.trim() === '' ? [] : await this.#pendingChunks();
    if (this.#turns === 0 && waiting.length === 0) {
      throw new ReaderError('empty', 'The text is empty: there is nothing to answer from.');
    }
    let memories = this.#slots.map(({ memoryIds, pieces }) => ({ ids: memoryIds, pieces }));
    for (const [at, chunk] of waiting.entries()) {
      const updates = await this.#sampleUpdate(
        chunk,
        memories.map(({ ids }) => ids),
      );
      const place = { index: this.#turns + at, text: chunk.text, start: this.#position + chunk.start };
      memories = updates.map(({ ids }, slot) => {
        return { ids, pieces: piecesOf(this.#text(ids), memories[slot].pieces, place) };
      });
    }
    const requests = this.#slots.map(({ questionIds }, at): GenerateRequest => {
      return { promptIds: this.#frames.answer(questionIds, memories[at].ids) };
    });
    const outputs = await this.#sample(requests, this.budgets.answerTokens, 'answer');
    return outputs.map((output, at): Answer => {
      return {
        question: this.#slots[at].question,
        answer: answerIn(output.text, this.#frames.format),
        output: output.text,
        memory: this.#text(memories[at].ids),
        provenance: memories[at].pieces,
        truncated: isTruncated(output),
      };
    });
  }

  #chunks(text: AsyncIterable<string>): AsyncGenerator<Chunk> {
    const { align } = this.#options;
    return chunkStream(text, this.#model.tokenizer, { chunkTokens: this.budgets.chunkTokens, align });
  }

  async #pendingChunks(): Promise<Chunk[]> {
    const chunks: Chunk[] = [];
    for await (const chunk of this.#chunks(textOf(this.#pending))) chunks.push(chunk);
    return chunks;
  }

  async #update(chunk: Chunk, base: number): Promise<MemoryEvent> {
    const started = performance.now();
    const before = { ...this.#tokens };
    const updates = await this.#sampleUpdate(
      chunk,
      this.#slots.map(({ memoryIds }) => memoryIds),
    );
    const start = base + chunk.start;
    const place = { index: this.#turns, text: chunk.text, start };
    const memories = this.#slots.map((slot, at): QuestionMemory => {
      const { ids, truncated, empty, draft } = updates[at];
      slot.memoryIds = ids;
      slot.drafting.saw(draft);
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
    const requests = this.#slots.map(({ questionIds, drafting }, at): GenerateRequest => {
      const promptIds = this.#frames.update(questionIds, memories[at], chunk.ids);
      return { promptIds, draft: drafting.next(memories[at]) };
    });
    const outputs = await this.#sample(requests, this.budgets.memoryTokens, `chunk ${this.#turns + 1}`);
    return outputs.map((sampled, at) => {
      const output = asMemory(sampled, this.#frames);
      return {
        ids: memoryAfter(memories[at], output, this.#options.empty ?? 'keep'),
        truncated: isTruncated(output),
        empty: output.empty,
        draft: output.draft,
      };
    });
  }

  async #sample(requests: readonly GenerateRequest[], maxTokens: number, what: string): Promise<Output[]> {
    const { temperature = 0, seed = 0, signal } = this.#options;
    signal?.throwIfAborted();
    const started = performance.now();
    let groups: Output[][];
    try {
      groups = await sampleTurn(this.#model, requests, { maxTokens, temperature, seed, signal });
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
    return groups.map(([output], at) => {
      this.#tokens.prompt += requests[at].promptIds.length;
      this.#tokens.output += output.sample.tokens.length;
      return output;
    });
  }

  #text(ids: readonly number[]): string {
    return plainText(this.#model.tokenizer, ids);
  }

  /**
   * The source after the part that has been read.
   * @throws ReaderError `state` if that part differs from what was read.
   */
  async *#after(source: TextSource): AsyncGenerator<string> {
    // Both fields change while the rest is read.
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
      `The first ${this.#position} characters of the text differ from what the saved state has read. Give the same text (it may have grown), or read again without the state.`,
    );
  }
}

async function* following(pending: string, source: TextSource): AsyncGenerator<string> {
  if (pending !== '') yield pending;
  yield* textOf(source);
}

function isTruncated({ sample }: Output): boolean {
  return sample.stopReason === 'length';
}
