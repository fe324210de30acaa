/**
 * The memory agent for programs: reads a text of any length for one question or several and reports every turn. It can
 * be stopped, saved and resumed, and can answer as soon as it has read something. Nothing here needs Node.
 */
import { fnv1a } from '../base/hash.js';
import { given } from '../base/objects.js';
import { Ahead, longestAhead, sameMemory } from '../memory/ahead.js';
import { fittingBudgets, promptsFor } from '../memory/asking.js';
import { Drafting } from '../memory/drafting.js';
import { answerIn } from '../memory/extract.js';
import { type Budgets, PromptFrames } from '../memory/frames.js';
import {
  asMemory,
  firstMemoryOf,
  type MemoryModel,
  memoryAfter,
  type Output,
  plainText,
  questionIdsOf,
  sampleTurn,
} from '../memory/turn.js';
import type { GenerateRequest } from '../policy/types.js';
import { type Chunk, type ChunkOptions, chunkStream, chunksAhead } from '../text/chunks.js';
import { checkedState } from './checked-state.js';
import { ReaderError } from './errors.js';
import type { Answer, MemoryEvent, QuestionMemory } from './events.js';
import { placedTextOf, type TextSource, textOf } from './input.js';
import type { ReaderOptions, ReadingOptions } from './options.js';
import type { KeptMemory } from './pieces.js';
import { type PlacedText, Places } from './places.js';
import { piecesOf, type ReadChunk } from './provenance.js';
import { ReadingLog } from './reading-log.js';
import { type Part, type ReadingPoint, Rereading } from './rereading.js';
import type { MemoryPiece, ReaderState } from './state.js';
import { TakenText } from './taken-text.js';
import { unreadText } from './unread-text.js';

export type { Answer, MemoryEvent, QuestionMemory, ReaderOptions, ReadingOptions };

interface Slot {
  question: string;
  questionIds: number[];
  memoryIds: readonly number[];
  pieces: MemoryPiece[];
  drafting: Drafting;
  ahead: Ahead<Written>;
}

/** What the model wrote for a prompt of so many tokens. */
interface Written {
  promptTokens: number;
  output: Output;
}

export class MemoryReader {
  readonly budgets: Budgets;
  readonly #model: MemoryModel;
  readonly #frames: PromptFrames;
  readonly #options: ReaderOptions;
  readonly #slots: Slot[];
  readonly #longestAhead: number;
  #turns = 0;
  #position = 0;
  #fingerprint = fnv1a('');
  #pending = '';
  readonly #places = new Places();
  readonly #tokens = { prompt: 0, output: 0 };
  #seconds = 0;
  #chunksRead = 0;
  /** Undefined after a state of an earlier version, which has none. */
  #log: ReadingLog | undefined;
  #former: ReadingLog | undefined;

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
      return {
        question,
        questionIds,
        memoryIds,
        pieces: [],
        drafting: new Drafting(model.chat, this.#frames),
        ahead: new Ahead(),
      };
    });
    this.#longestAhead = longestAhead(model, questions.length);
    this.#log = new ReadingLog(this.#memories());
    if (state) this.#restore(state, questions);
  }

  #restore(given: ReaderState, questions: readonly string[]): void {
    const state = checkedState(given, questions);
    const { turns, position, fingerprint } = state;
    this.#moveTo({ turns, position, fingerprint, memories: state.questions });
    this.#pending = state.pending;
    this.#log = state.log && ReadingLog.from(state.log, turns, position);
    this.#former = state.former && ReadingLog.from(state.former);
    this.#places.list = state.places ?? [];
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

  /** Chunks that this reader has read itself: without those of its state, and with each that was read again. */
  get chunksRead(): number {
    return this.#chunksRead;
  }

  get tokens(): { prompt: number; output: number } {
    return { ...this.#tokens };
  }

  /** Updates that were computed ahead in vain, since a memory changed before; they count as no tokens. */
  get discarded(): number {
    return this.#slots.reduce((sum, { ahead }) => sum + ahead.discarded, 0);
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
    const places = this.#places.list;
    return {
      version: 1,
      questions,
      budgets: { ...this.budgets },
      turns: this.#turns,
      position: this.#position,
      fingerprint: this.#fingerprint,
      pending: this.#pending,
      ...(places.length > 0 && { places }),
      tokens: { ...this.#tokens },
      seconds: this.#seconds,
      ...(this.#log && { log: this.#log.toJSON() }),
      ...(this.#former && { former: this.#former.toJSON() }),
    };
  }

  #memories(): KeptMemory[] {
    return this.#slots.map(({ memoryIds, pieces }) => ({ memory: this.#text(memoryIds), pieces }));
  }

  #point(): ReadingPoint {
    const [turns, position, fingerprint] = [this.#turns, this.#position, this.#fingerprint];
    return { turns, position, fingerprint, memories: this.#memories() };
  }

  #moveTo({ turns, position, fingerprint, memories }: ReadingPoint): void {
    memories.forEach(({ memory, pieces }, at) => {
      const slot = this.#slots[at];
      slot.memoryIds = this.#model.tokenizer.encodeText(memory).slice(0, this.budgets.memoryTokens);
      slot.pieces = pieces;
    });
    this.#turns = turns;
    this.#position = position;
    this.#fingerprint = fingerprint;
    this.#pending = '';
  }

  /**
   * Reads all complete chunks of the text so far; the rest waits for more text or for an answer.
   * @throws ReaderError `interrupted` with the state if the model fails; `input` if the source is not text; the
   *   signal's reason.
   */
  async *read(source: TextSource, options: ReadingOptions = {}): AsyncGenerator<MemoryEvent, void> {
    for await (const part of this.#parts(source, options.whole === true)) yield* this.#readPart(part);
  }

  async *#readPart(part: Part): AsyncGenerator<MemoryEvent, void> {
    const base = this.#position;
    const held = this.#pending;
    const taken = new TakenText();
    for (const { ahead } of this.#slots) ahead.forget();
    const wanted = () => Math.max(...this.#slots.map(({ ahead }) => ahead.wanted(this.#longestAhead)));
    let finished = false;
    try {
      for await (const chunks of chunksAhead(taken.keep(part.text), this.#model.tokenizer, this.#chunking, wanted)) {
        const event = await this.#update(chunks, base);
        taken.drop(this.#position - base);
        this.#pending = taken.text;
        yield event;
      }
      if (part.closed) {
        this.#pending = taken.text;
        for await (const event of this.#readPending()) {
          taken.drop(this.#position - base);
          yield event;
        }
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
    for await (const _ of this.#readPending());
    return this.memories;
  }

  async *#readPending(): AsyncGenerator<MemoryEvent, void> {
    const base = this.#position;
    for (const chunk of await this.#pendingChunks()) {
      for (const { ahead } of this.#slots) ahead.forget();
      const event = await this.#update([chunk], base);
      this.#pending = this.#pending.slice(chunk.text.length);
      yield event;
    }
  }

  /**
   * Answers from the text so far. Waiting text is read for the answer but does not count as read, so that no chunk is
   * cut short permanently.
   * @param onEvent called after each turn of that
   * @throws ReaderError `empty` if nothing has been read; `interrupted` if the model fails.
   */
  async answer(onEvent?: (event: MemoryEvent) => void): Promise<Answer[]> {
    const waiting = this.#pending.trim() === '' ? [] : await this.#pendingChunks();
    if (this.#turns === 0 && waiting.length === 0) {
      throw new ReaderError('empty', 'The text is empty: there is nothing to answer from.');
    }
    let memories = this.#slots.map(({ memoryIds, pieces }) => ({ ids: memoryIds, pieces }));
    for (const [at, chunk] of waiting.entries()) {
      const started = performance.now();
      const before = { ...this.#tokens };
      const requests = this.#slots.map((slot, index) => this.#request(slot, memories[index].ids, chunk));
      const written = await this.#sample(requests, this.budgets.memoryTokens, `chunk ${this.#turns + at + 1}`);
      const start = this.#position + chunk.start;
      const place = this.#readChunk(chunk, this.#turns + at, start);
      const read: QuestionMemory[] = [];
      memories = memories.map(({ ids: old, pieces }, index) => {
        this.#count(written[index]);
        const { ids, truncated, empty } = this.#memoryAfter(old, written[index].output);
        const memory = this.#text(ids);
        const provenance = piecesOf(memory, pieces, place);
        read.push({ question: this.#slots[index].question, memory, provenance, truncated, empty });
        return { ids, pieces: provenance };
      });
      onEvent?.({
        type: 'memory',
        turn: place.index + 1,
        chunk: { index: place.index, start, end: start + chunk.text.length, tokens: chunk.ids.length },
        memories: read,
        tokens: { prompt: this.#tokens.prompt - before.prompt, output: this.#tokens.output - before.output },
        seconds: (performance.now() - started) / 1000,
      });
    }
    const requests = this.#slots.map(({ questionIds }, at): GenerateRequest => {
      return { promptIds: this.#frames.answer(questionIds, memories[at].ids) };
    });
    const answers = await this.#sample(requests, this.budgets.answerTokens, 'answer');
    return answers.map((written, at): Answer => {
      this.#count(written);
      const { output } = written;
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

  get #chunking(): ChunkOptions {
    return { chunkTokens: this.budgets.chunkTokens, align: this.#options.align };
  }

  async #pendingChunks(): Promise<Chunk[]> {
    const chunks: Chunk[] = [];
    const pending = textOf(this.#pending);
    for await (const chunk of chunkStream(pending, this.#model.tokenizer, this.#chunking)) chunks.push(chunk);
    return chunks;
  }

  /** Reads the first of these chunks; the others follow it. */
  async #update(chunks: readonly [Chunk, ...Chunk[]], base: number): Promise<MemoryEvent> {
    const started = performance.now();
    const before = { ...this.#tokens };
    await this.#computeAhead(chunks);
    const [chunk] = chunks;
    const start = base + chunk.start;
    const place = this.#readChunk(chunk, this.#turns, start);
    const memories = this.#slots.map((slot): QuestionMemory => {
      const written = slot.ahead.take();
      this.#count(written);
      const { ids, truncated, empty } = this.#memoryAfter(slot.memoryIds, written.output);
      slot.ahead.saw(!sameMemory(slot.memoryIds, ids));
      slot.memoryIds = ids;
      slot.drafting.saw(written.output.draft);
      const memory = this.#text(ids);
      slot.pieces = piecesOf(memory, slot.pieces, place);
      return { question: slot.question, memory, provenance: slot.pieces, truncated, empty };
    });
    this.#turns++;
    this.#chunksRead++;
    this.#log?.add(chunk.text, this.#memories());
    this.#position = start + chunk.text.length;
    this.#places.drop(this.#position);
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

  #readChunk({ text }: Chunk, index: number, start: number): ReadChunk {
    return { index, text, start, placeOf: (from, to) => this.#places.between(from, to) };
  }

  /** Asks for the updates of as many chunks as each question wants, if it does not know that of the first. */
  async #computeAhead(chunks: readonly Chunk[]): Promise<void> {
    const wanting = this.#slots.map((slot) => {
      return { slot, next: chunks.slice(0, slot.ahead.wanted(this.#longestAhead)) };
    });
    const requests = wanting.flatMap(({ slot, next }) =>
      next.map((chunk) => this.#request(slot, slot.memoryIds, chunk)),
    );
    const written = await this.#sample(requests, this.budgets.memoryTokens, `chunk ${this.#turns + 1}`);
    for (const { slot, next } of wanting) if (next.length > 0) slot.ahead.put(written.splice(0, next.length));
  }

  #request({ questionIds, drafting }: Slot, memory: readonly number[], chunk: Chunk): GenerateRequest {
    return { promptIds: this.#frames.update(questionIds, memory, chunk.ids), draft: drafting.next(memory) };
  }

  #memoryAfter(before: readonly number[], written: Output) {
    const output = asMemory(written, this.#frames);
    const ids = memoryAfter(before, output, this.#options.empty ?? 'keep');
    return { ids, truncated: isTruncated(output), empty: output.empty };
  }

  async #sample(requests: readonly GenerateRequest[], maxTokens: number, what: string): Promise<Written[]> {
    if (requests.length === 0) return [];
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
    return groups.map(([output], at) => ({ promptTokens: requests[at].promptIds.length, output }));
  }

  #count({ promptTokens, output }: Written): void {
    this.#tokens.prompt += promptTokens;
    this.#tokens.output += output.sample.tokens.length;
  }

  #text(ids: readonly number[]): string {
    return plainText(this.#model.tokenizer, ids);
  }

  /** @throws ReaderError `state` if the text is not the one that was read. */
  async *#parts(source: TextSource, whole: boolean): AsyncGenerator<Part> {
    if (!whole) yield { text: this.#following(source), closed: false };
    else if (this.#log) yield* this.#rereading(this.#log, this.#open(source)).parts();
    else {
      const text = unreadText(this.#open(source), this.#places, this.#position, this.#fingerprint);
      yield { text, closed: false };
    }
  }

  #rereading(log: ReadingLog, source: AsyncIterable<PlacedText>): Rereading {
    return new Rereading(
      {
        log,
        former: this.#former,
        places: this.#places,
        point: () => this.#point(),
        moveTo: (point, way, former) => {
          this.#moveTo(point);
          [this.#log, this.#former] = [way, former];
        },
        finish: () => {
          this.#former = undefined;
        },
        note: (text) => this.#options.onNote?.(text),
      },
      source,
    );
  }

  async *#following(source: TextSource): AsyncGenerator<string> {
    const pending = this.#pending;
    const from = this.#position + pending.length;
    if (pending !== '') yield pending;
    yield* this.#places.record(this.#open(source), from);
  }

  #open(source: TextSource): AsyncIterable<PlacedText> {
    return placedTextOf(source, undefined, given({ onNote: this.#options.onNote }));
  }
}

function isTruncated({ sample }: Output): boolean {
  return sample.stopReason === 'length';
}
