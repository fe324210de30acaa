/**
 * The memory agent for programs: reads a text of any length for one question or several and reports every turn. It can
 * be stopped, saved and resumed, and can answer as soon as it has read something. Nothing here needs Node.
 */

import { fnv1a } from '../base/hash.js';
import { given } from '../base/objects.js';
import { FLAG, FUNCTION, type Rules } from '../base/option-rules.js';
import { valueText } from '../base/values.js';
import type { Budgets } from '../memory/frames.js';
import { type Chunk, type ChunkOptions, chunkStream, chunksAhead } from '../text/chunks.js';
import { AskedQuestions, type ReadTurn } from './asked-questions.js';
import { checkOpened } from './check-options.js';
import { checkedState } from './checked-state.js';
import { ReaderError } from './errors.js';
import type { Answer, MemoryEvent, QuestionMemory } from './events.js';
import type { Unread, Wanted } from './extent.js';
import { placedTextOf, type TextSource } from './input.js';
import { checkRules, READER_RULES } from './option-rules.js';
import type { ReaderOptions, ReadingOptions } from './options.js';
import type { KeptMemory } from './pieces.js';
import { type PlacedText, Places } from './places.js';
import type { ReadChunk } from './provenance.js';
import { ReadingLog } from './reading-log.js';
import { type Part, type ReadingPoint, Rereading } from './rereading.js';
import type { ReaderState } from './state.js';
import { TakenText } from './taken-text.js';
import type { ReadTokens } from './tokens.js';
import { unreadText } from './unread-text.js';

export type { Answer, MemoryEvent, QuestionMemory, ReaderOptions, ReadingOptions };

const READ_RULES: Rules<ReadingOptions> = { whole: FLAG, only: FUNCTION };

export class MemoryReader {
  readonly budgets: Budgets;
  readonly #options: ReaderOptions;
  readonly #asked: AskedQuestions;
  #turns = 0;
  #position = 0;
  #fingerprint = fnv1a('');
  #pending = '';
  readonly #places = new Places();
  #chunksRead = 0;
  /** Undefined after a state of an earlier version, which has none. */
  #log: ReadingLog | undefined;
  #former: ReadingLog | undefined;

  /** @throws MemoryError `window` or `question-too-long`; ReaderError `state` for a state of other questions. */
  constructor(options: ReaderOptions) {
    checkOpened(options, 'MemoryReader', READER_RULES, 'createMemoryReader');
    const { state } = options;
    this.#options = options;
    this.#asked = new AskedQuestions(options, () => this.state());
    this.budgets = this.#asked.budgets;
    this.#log = new ReadingLog(this.#memories());
    if (state) this.#restore(state);
  }

  #restore(given: ReaderState): void {
    const state = checkedState(given, this.questions);
    const { turns, position, fingerprint } = state;
    this.#moveTo({ turns, position, fingerprint, memories: state.questions });
    this.#pending = state.pending;
    this.#log = state.log && ReadingLog.from(state.log, turns, position);
    if (!this.#log && turns > 0) this.#options.onNote?.(FORGETFUL);
    this.#former = state.former && ReadingLog.from(state.former);
    this.#places.list = state.places ?? [];
    this.#asked.resume(state);
  }

  /** The memory of the first question. */
  get memory(): string {
    return this.memories[0];
  }

  /** The memories of all questions. */
  get memories(): string[] {
    return this.#memories().map(({ memory }) => memory);
  }

  /** Chunks read so far. */
  get turns(): number {
    return this.#turns;
  }

  /** Chunks that this reader has read itself: without those of its state, and with each that was read again. */
  get chunksRead(): number {
    return this.#chunksRead;
  }

  /** As the server counts them, or else as we do. */
  get tokens(): ReadTokens {
    return { ...this.#asked.tokens };
  }

  /** Updates that were computed ahead in vain, since a memory changed before; they count as no tokens. */
  get discarded(): number {
    return this.#asked.discarded;
  }

  get questions(): string[] {
    return this.#asked.questions;
  }

  /** No question needs more of the text: the model has said so, in a prompt format with words for it. */
  get exited(): boolean {
    return this.#asked.exited.every(Boolean);
  }

  /** Characters read or passed over so far. */
  get position(): number {
    return this.#position;
  }

  /** What has been passed over of the text before `position`, since `only` left it out; nothing if all was read. */
  get unread(): Unread {
    return this.#log?.unread ?? { chunks: 0, tokens: 0, characters: 0, ranges: [] };
  }

  /** Whether all of the text between two offsets has been read. */
  hasRead(start: number, end: number): boolean {
    return end <= this.#position && !this.unread.ranges.some((range) => range.start < end && start < range.end);
  }

  /**
   * The offset from which the whole text would be read on, if it is as it was.
   * @param wanted whether text that was passed over is to be read now
   */
  startFor(wanted: Wanted): number {
    return this.#log?.startFor(wanted) ?? this.#position;
  }

  /** The chunks in which a text would be read. */
  chunks(text: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Chunk> {
    return chunkStream(text, this.#options.model.tokenizer, this.#chunking);
  }

  /** Most tokens that reading so much for all questions, and answering them, can take. */
  mostTokens(text: { chunks: number; tokens: number }): ReadTokens {
    return this.#asked.mostTokens(text);
  }

  /** Seconds spent in the model. */
  get seconds(): number {
    return this.#asked.seconds;
  }

  /** The state after the last complete turn, as plain JSON. */
  state(): ReaderState {
    const { questions: asked, tokens, seconds } = this.#asked;
    const { exited } = this.#asked;
    const questions = this.#memories().map((memory, at) => {
      return { question: asked[at], ...memory, ...(exited[at] && { exited: true }) };
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
      tokens: { ...tokens },
      seconds,
      ...(this.#log && { log: this.#log.toJSON() }),
      ...(this.#former && { former: this.#former.toJSON() }),
    };
  }

  #memories(): KeptMemory[] {
    return this.#asked.memories;
  }

  #point(): ReadingPoint {
    const [turns, position, fingerprint] = [this.#turns, this.#position, this.#fingerprint];
    return { turns, position, fingerprint, memories: this.#memories() };
  }

  #moveTo({ turns, position, fingerprint, memories }: ReadingPoint): void {
    this.#asked.remember(memories);
    this.#turns = turns;
    this.#position = position;
    this.#fingerprint = fingerprint;
    this.#pending = '';
  }

  /**
   * Reads all complete chunks of the text so far; the rest waits for more text or for an answer.
   * @throws ReaderError `interrupted` with the state if the model fails; `input` if the source is not text; `state` for
   *   `only` with a state of an earlier version; the signal's reason.
   */
  async *read(source: TextSource, options: ReadingOptions = {}): AsyncGenerator<MemoryEvent, void> {
    checkRules(options, 'read', READ_RULES);
    const { only = () => true, whole = false } = options;
    if (options.only && !this.#log) throw forgetful();
    for await (const part of this.#parts(source, whole, only)) {
      yield* this.#readPart(part, part.known ? () => true : only);
    }
  }

  async *#readPart(part: Part, only: Wanted): AsyncGenerator<MemoryEvent, void> {
    if (this.exited) return;
    const base = this.#position;
    const held = this.#pending;
    const taken = new TakenText();
    const { tokenizer } = this.#options.model;
    this.#asked.forget();
    const wanted = () => this.#asked.wanted;
    const isWanted = (chunk: Chunk) => only(base + chunk.start, base + chunk.end);
    let finished = false;
    try {
      for await (const chunks of chunksAhead(taken.keep(part.text), tokenizer, this.#chunking, wanted)) {
        const [first, ...later] = chunks;
        const event = isWanted(first) ? await this.#update([first, ...later.filter(isWanted)], base) : undefined;
        if (!event) this.#pass(first);
        taken.drop(this.#position - base);
        this.#pending = taken.text;
        if (event) yield event;
        if (this.exited) break;
      }
      if (taken.text !== '' && !this.exited && !only(this.#position, this.#position + taken.text.length)) {
        for await (const chunk of this.chunks([taken.text])) this.#pass(chunk);
        taken.drop(this.#position - base);
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
    for (const chunk of this.exited ? [] : await this.#pendingChunks()) {
      this.#asked.forget();
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
    if (onEvent !== undefined && typeof onEvent !== 'function')
      throw new ReaderError('input', `answer: the first argument is ${valueText(onEvent)}, expected a function.`);
    const waiting = this.#pending.trim() === '' || this.exited ? [] : await this.#pendingChunks();
    if (this.#turns === 0 && waiting.length === 0) {
      throw new ReaderError('empty', 'The text is empty: there is nothing to answer from.');
    }
    let memories = this.#asked.carried;
    for (const [at, chunk] of waiting.entries()) {
      const place = this.#readChunk(chunk, this.#turns + at, this.#position + chunk.start);
      const read = await this.#asked.look(chunk, place, memories);
      memories = read.carried;
      onEvent?.(eventOf(chunk, place, read.turn));
    }
    return this.#asked.answers(memories);
  }

  get #chunking(): ChunkOptions {
    return { chunkTokens: this.budgets.chunkTokens, align: this.#options.align };
  }

  async #pendingChunks(): Promise<Chunk[]> {
    const chunks: Chunk[] = [];
    for await (const chunk of this.chunks([this.#pending])) chunks.push(chunk);
    return chunks;
  }

  /** Reads the first of these chunks; the others follow it. */
  async #update(chunks: readonly [Chunk, ...Chunk[]], base: number): Promise<MemoryEvent> {
    const [chunk] = chunks;
    const place = this.#readChunk(chunk, this.#turns, base + chunk.start);
    const turn = await this.#asked.update(chunks, place);
    this.#turns++;
    this.#chunksRead++;
    this.#log?.add(chunk.text, this.#memories());
    this.#moveBehind(chunk.text);
    return eventOf(chunk, place, turn);
  }

  #pass({ text, ids }: Chunk): void {
    this.#log?.pass(text, ids.length);
    this.#moveBehind(text);
  }

  /** The text at the position has been read, or is passed over. */
  #moveBehind(text: string): void {
    this.#position += text.length;
    this.#places.drop(this.#position);
    this.#fingerprint = fnv1a(text, this.#fingerprint);
  }

  #readChunk({ text }: Chunk, index: number, start: number): ReadChunk {
    return { index, text, start, placeOf: (from, to) => this.#places.between(from, to) };
  }

  /** @throws ReaderError `state` if the text is not the one that was read. */
  async *#parts(source: TextSource, whole: boolean, only: Wanted): AsyncGenerator<Part> {
    if (!whole) yield { text: this.#following(source), closed: false };
    else if (this.#log) yield* this.#rereading(this.#log, this.opened(source), only).parts();
    else {
      const text = unreadText(this.opened(source), this.#places, this.#position, this.#fingerprint);
      yield { text, closed: false };
    }
  }

  #rereading(log: ReadingLog, source: AsyncIterable<PlacedText>, wanted: Wanted): Rereading {
    return new Rereading(
      {
        log,
        former: this.#former,
        wanted,
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
    yield* this.#places.record(this.opened(source), from);
  }

  /** The text of a source with its places. Notes and the signal are this reader's. */
  opened(source: TextSource): AsyncGenerator<PlacedText> {
    const { onNote, signal } = this.#options;
    return placedTextOf(source, undefined, given({ onNote, signal }));
  }
}

const FORGETFUL =
  'The saved state is of an earlier version and does not say what a budget left out. If it was read with a budget, that text stays unread and is not told; to read it, begin without the state';

function forgetful(): ReaderError {
  return new ReaderError(
    'state',
    'The saved state is of an earlier version and cannot remember what a budget leaves out. Read on without a budget, or from the beginning without the state.',
  );
}

function eventOf({ ids }: Chunk, { index, start, text }: ReadChunk, turn: ReadTurn): MemoryEvent {
  const chunk = { index, start, end: start + text.length, tokens: ids.length };
  return { type: 'memory', turn: index + 1, chunk, ...turn };
}
