/** The questions of one reading, each with its memory: what is asked of the model for them, and what that costs. */
import { given } from '../base/objects.js';
import { Ahead, longestAhead, sameMemory } from '../memory/ahead.js';
import { fittingBudgets, promptsFor } from '../memory/asking.js';
import { Drafting } from '../memory/drafting.js';
import { answerIn } from '../memory/extract.js';
import { type Budgets, PromptFrames } from '../memory/frames.js';
import { isRepetition } from '../memory/repetition.js';
import {
  asMemory,
  firstMemoryOf,
  memoryAfter,
  type Output,
  plainText,
  questionIdsOf,
  sampleTurn,
} from '../memory/turn.js';
import type { GenerateRequest } from '../policy/types.js';
import type { Chunk } from '../text/chunks.js';
import { ReaderError } from './errors.js';
import type { Answer, MemoryEvent, QuestionMemory } from './events.js';
import type { ReaderOptions } from './options.js';
import type { KeptMemory } from './pieces.js';
import { piecesOf, type ReadChunk } from './provenance.js';
import type { MemoryPiece, ReaderState } from './state.js';
import { addTokens, type ReadTokens, tokensSince } from './tokens.js';

/** What a turn gives. */
export type ReadTurn = Pick<MemoryEvent, 'memories' | 'tokens' | 'seconds'>;

/** The memory of a question as it goes into the next prompt. */
export interface CarriedMemory {
  ids: readonly number[];
  pieces: MemoryPiece[];
}

interface Asked extends CarriedMemory {
  question: string;
  questionIds: number[];
  drafting: Drafting;
  ahead: Ahead<Written>;
  /** The model reads no more of the text for it. */
  exited?: boolean;
}

/** What the model wrote for a prompt of so many tokens. */
interface Written {
  promptTokens: number;
  output: Output;
}

export class AskedQuestions {
  readonly budgets: Budgets;
  readonly tokens: ReadTokens = { prompt: 0, output: 0 };
  /** Seconds spent in the model. */
  seconds = 0;
  readonly #options: ReaderOptions;
  readonly #state: () => ReaderState;
  readonly #frames: PromptFrames;
  readonly #asked: Asked[];
  readonly #longestAhead: number;
  #toldRepetition = false;

  /**
   * @param state of the reading, for the error if the model fails
   * @throws MemoryError `window` or `question-too-long`; ReaderError `empty` without a question.
   */
  constructor(options: ReaderOptions, state: () => ReaderState) {
    const { model } = options;
    this.#options = options;
    this.#state = state;
    const { prompts = promptsFor(model.tokenizer, model.capabilities?.prefixCache) } = options;
    this.#frames = new PromptFrames(model, prompts);
    const { questionTokens, chunkTokens, memoryTokens, answerTokens } = options;
    const limits = given({ questionTokens, chunkTokens, memoryTokens, answerTokens });
    this.budgets = options.state?.budgets ?? fittingBudgets(this.#frames, model.contextLength, limits);
    this.#frames.checkWindow(this.budgets, model.contextLength);
    const questions = typeof options.question === 'string' ? [options.question] : options.question;
    if (questions.length === 0 || questions.some((question) => question.trim() === '')) {
      throw new ReaderError(
        'empty',
        'There is no question. Give at least one: the memory keeps what the question needs.',
      );
    }
    this.#asked = questions.map((question): Asked => {
      const questionIds = questionIdsOf(this.#frames, this.budgets, question);
      const ids = firstMemoryOf(this.#frames, this.budgets, question);
      const drafting = new Drafting(model.chat, this.#frames);
      return { question, questionIds, ids, pieces: [], drafting, ahead: new Ahead() };
    });
    this.#longestAhead = longestAhead(model, questions.length);
  }

  get questions(): string[] {
    return this.#asked.map(({ question }) => question);
  }

  get memories(): KeptMemory[] {
    return this.#asked.map(({ ids, pieces }) => ({ memory: this.#text(ids), pieces }));
  }

  get carried(): CarriedMemory[] {
    return this.#asked.map(({ ids, pieces }) => ({ ids, pieces }));
  }

  /** Updates that were computed ahead in vain. */
  get discarded(): number {
    return this.#asked.reduce((sum, { ahead }) => sum + ahead.discarded, 0);
  }

  /** Chunks that the next update should be given; 0 if it needs no call. */
  get wanted(): number {
    return Math.max(0, ...this.#reading.map(({ ahead }) => ahead.wanted(this.#longestAhead)));
  }

  get #reading(): Asked[] {
    return this.#asked.filter(({ exited }) => !exited);
  }

  /** Which questions need no more of the text. */
  get exited(): boolean[] {
    return this.#asked.map(({ exited = false }) => exited);
  }

  /** Throws away what was computed ahead: other chunks may follow. */
  forget(): void {
    for (const { ahead } of this.#asked) ahead.forget();
  }

  /** Goes on with these memories. */
  remember(memories: readonly KeptMemory[]): void {
    memories.forEach(({ memory, pieces }, at) => {
      const ids = this.#options.model.tokenizer.encodeText(memory).slice(0, this.budgets.memoryTokens);
      // Other text may follow than that which was not read.
      Object.assign(this.#asked[at], { ids, pieces, exited: false });
    });
  }

  /** Goes on counting where a saved reading was. */
  resume({ tokens, seconds, questions }: Pick<ReaderState, 'tokens' | 'seconds' | 'questions'>): void {
    questions.forEach(({ exited }, at) => void Object.assign(this.#asked[at], { exited }));
    Object.assign(this.tokens, tokens);
    this.seconds = seconds;
  }

  /** Most tokens that reading so much for all questions, and answering them, can take. */
  mostTokens({ chunks, tokens }: { chunks: number; tokens: number }): ReadTokens {
    const { memoryTokens, answerTokens } = this.budgets;
    const { update, answer } = this.#frames.frameTokens;
    const questions = this.#asked.reduce((sum, { questionIds }) => sum + questionIds.length, 0);
    const count = this.#asked.length;
    return {
      prompt: count * (chunks * (update + memoryTokens) + tokens + answer + memoryTokens) + questions * (chunks + 1),
      output: count * (chunks * memoryTokens + answerTokens),
    };
  }

  /** Reads the first of these chunks; the others follow it. */
  async update(chunks: readonly [Chunk, ...Chunk[]], place: ReadChunk): Promise<ReadTurn> {
    const started = performance.now();
    const before = { ...this.tokens };
    await this.#computeAhead(chunks, place);
    const memories = this.#asked.map((asked): QuestionMemory => {
      if (asked.exited) return this.#still(asked);
      const { output, promptTokens } = asked.ahead.take();
      addTokens(this.tokens, output.sample, promptTokens);
      const { carried, memory } = this.#after(asked, asked, output, place);
      asked.ahead.saw(!sameMemory(asked.ids, carried.ids));
      asked.drafting.saw(output.draft);
      Object.assign(asked, carried, { exited: memory.exited });
      if (memory.exited) asked.ahead.forget();
      return memory;
    });
    return this.#turn(memories, before, started);
  }

  /** Reads a chunk from these memories, and changes none. */
  async look(
    chunk: Chunk,
    place: ReadChunk,
    memories: readonly CarriedMemory[],
  ): Promise<{ turn: ReadTurn; carried: CarriedMemory[] }> {
    const started = performance.now();
    const before = { ...this.tokens };
    const reading = this.#asked.flatMap((asked, at) => (asked.exited ? [] : [at]));
    const requests = reading.map((at) => this.#request(this.#asked[at], memories[at].ids, chunk));
    const written = await this.#sample(requests, this.budgets.memoryTokens, `chunk ${place.index + 1}`);
    const read = this.#asked.map((asked, at) => {
      if (asked.exited) return { carried: memories[at], memory: this.#still(asked) };
      const { output, promptTokens } = written[reading.indexOf(at)];
      addTokens(this.tokens, output.sample, promptTokens);
      return this.#after(asked, memories[at], output, place);
    });
    const turn = this.#turn(
      read.map(({ memory }) => memory),
      before,
      started,
    );
    return { turn, carried: read.map(({ carried }) => carried) };
  }

  async answers(memories: readonly CarriedMemory[]): Promise<Answer[]> {
    const requests = this.#asked.map(({ questionIds }, at): GenerateRequest => {
      return { promptIds: this.#frames.answer(questionIds, memories[at].ids) };
    });
    const answers = await this.#sample(requests, this.budgets.answerTokens, 'answer');
    return answers.map(({ output, promptTokens }, at): Answer => {
      addTokens(this.tokens, output.sample, promptTokens);
      return {
        question: this.#asked[at].question,
        answer: answerIn(output.text, this.#frames.format),
        output: output.text,
        memory: this.#text(memories[at].ids),
        provenance: memories[at].pieces,
        truncated: isTruncated(output),
      };
    });
  }

  #turn(memories: QuestionMemory[], before: ReadTokens, started: number): ReadTurn {
    return { memories, tokens: tokensSince(this.tokens, before), seconds: (performance.now() - started) / 1000 };
  }

  /** Asks for the updates of as many chunks as each question wants, if it does not know that of the first. */
  async #computeAhead(chunks: readonly Chunk[], { index }: ReadChunk): Promise<void> {
    const wanting = this.#reading.map((asked) => {
      return { asked, next: chunks.slice(0, asked.ahead.wanted(this.#longestAhead)) };
    });
    const requests = wanting.flatMap(({ asked, next }) => next.map((chunk) => this.#request(asked, asked.ids, chunk)));
    const written = await this.#sample(requests, this.budgets.memoryTokens, `chunk ${index + 1}`);
    for (const { asked, next } of wanting) if (next.length > 0) asked.ahead.put(written.splice(0, next.length));
  }

  #request({ questionIds, drafting }: Asked, memory: readonly number[], chunk: Chunk): GenerateRequest {
    return { promptIds: this.#frames.update(questionIds, memory, chunk.ids), draft: drafting.next(memory) };
  }

  #after(
    { question }: Asked,
    before: CarriedMemory,
    written: Output,
    place: ReadChunk,
  ): { carried: CarriedMemory; memory: QuestionMemory } {
    const output = asMemory(written, this.#frames);
    const ids = memoryAfter(before.ids, output, this.#options.empty ?? 'keep');
    const truncated = isTruncated(output);
    const repeating = truncated && isRepetition(output.text);
    if (repeating) this.#tellRepetition(place);
    const memory = this.#text(ids);
    const pieces = piecesOf(memory, before.pieces, place);
    const { empty, exited } = output;
    const told = { question, memory, provenance: pieces, truncated, repeating, empty, ...(exited && { exited }) };
    return { carried: { ids, pieces }, memory: told };
  }

  /** The memory of a question that needs no more of the text. */
  #still({ question, ids, pieces }: Asked): QuestionMemory {
    const flags = { truncated: false, repeating: false, empty: false, exited: true };
    return { question, memory: this.#text(ids), provenance: pieces, ...flags };
  }

  async #sample(requests: readonly GenerateRequest[], maxTokens: number, what: string): Promise<Written[]> {
    if (requests.length === 0) return [];
    const { model, temperature = 0, seed = 0, signal } = this.#options;
    signal?.throwIfAborted();
    const started = performance.now();
    let groups: Output[][];
    try {
      groups = await sampleTurn(model, requests, { maxTokens, temperature, seed, signal });
    } catch (error) {
      signal?.throwIfAborted();
      const { message } = error as Error;
      throw new ReaderError('interrupted', `Reading stopped at ${what}: ${message}`, {
        cause: error,
        state: this.#state(),
      });
    } finally {
      this.seconds += (performance.now() - started) / 1000;
    }
    return groups.map(([output], at) => ({ promptTokens: requests[at].promptIds.length, output }));
  }

  #tellRepetition({ index }: ReadChunk): void {
    if (this.#toldRepetition) return;
    this.#toldRepetition = true;
    this.#options.onNote?.(
      `At chunk ${index + 1}, the model only repeated itself up to the limit of ${this.budgets.memoryTokens} tokens. Such a memory keeps little: use a larger model`,
    );
  }

  #text(ids: readonly number[]): string {
    return plainText(this.#options.model.tokenizer, ids);
  }
}

function isTruncated({ sample }: Output): boolean {
  return sample.stopReason === 'length';
}
