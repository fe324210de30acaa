/**
 * Follow-up questions about a text that has been read. A memory holds what its own questions needed, so that a new
 * question finds its answer there by luck or by kinship. It is answered from the memories alone; where they do not
 * hold the answer, that is said, and the text is read again for the question if the caller wants that.
 */

import { given } from '../base/objects.js';
import { ANY, atLeast, FUNCTION, oneOf, type Rules } from '../base/option-rules.js';
import { valueText } from '../base/values.js';
import { fittingBudgets, promptsFor } from '../memory/asking.js';
import { answerIn } from '../memory/extract.js';
import { type Budgets, PromptFrames } from '../memory/frames.js';
import { sampleTurn } from '../memory/turn.js';
import { wordsOf } from '../text/bm25.js';
import { checkOpened } from './check-options.js';
import { ReaderError } from './errors.js';
import { type Unread, unreadAfter } from './extent.js';
import type { TextSource } from './input.js';
import { checkRules, READER_RULES } from './option-rules.js';
import { planReading, type ReadingPlan } from './plan.js';
import { type Answer, type MemoryEvent, MemoryReader, type ReaderOptions } from './reader.js';
import { type ConversationState, conversationSchema } from './state.js';
import { addTokens, type ReadTokens, sumOf, tokensSince } from './tokens.js';

/**
 * When the text is read again for a question: `never` (default), `needed` if the notes do not hold the answer, or
 * `always`.
 */
export type Reread = 'never' | 'needed' | 'always';

export interface ConversationOptions extends Omit<ReaderOptions, 'question' | 'state'> {
  /** The text, as often as it is read: a stream must be made anew each time. Absent: it cannot be read again. */
  document?: TextSource | (() => TextSource | Promise<TextSource>);
  /** Most tokens of the text to read for a question. */
  budget?: number;
  /** What `conversation.state()` gave. */
  state?: ConversationState;
}

const { question: _, ...OTHER_RULES } = READER_RULES;
export const CONVERSATION_RULES: Rules<ConversationOptions> = { ...OTHER_RULES, document: ANY, budget: atLeast(1) };

export interface FollowUpOptions {
  reread?: Reread;
  /** Called after every turn if the text is read. */
  onEvent?: (event: MemoryEvent) => void;
}

const FOLLOW_UP_RULES: Rules<FollowUpOptions> = { reread: oneOf('never', 'needed', 'always'), onEvent: FUNCTION };

export interface FollowUpAnswer extends Answer {
  /** `memory`: from notes that were taken for other questions; `text`: the text was read for this one. */
  from: 'memory' | 'text';
  /** The notes do not hold the answer, which is empty: the text would have to be read again. */
  missing: boolean;
  /** The questions that the notes were taken for. */
  notesFor: string[];
  /** What this question took. */
  tokens: ReadTokens;
  /** What the budget left out; absent without one, or if the text was not read. */
  unread?: Unread;
}

type Found = Omit<FollowUpAnswer, 'tokens'>;

type Note = ConversationState['notes'][number];

/** Words that tell nothing about what a question asks for. */
const COMMON = new Set(
  'a an and are as at before after by did do does for from has have he how in is it its many much of on or she that the their they this to was were what when where which who whom whose why with'.split(
    ' ',
  ),
);

export class Conversation {
  /** Of all questions so far. */
  readonly tokens: ReadTokens = { prompt: 0, output: 0 };
  readonly #options: ConversationOptions;
  readonly #frames: PromptFrames;
  readonly #budgets: Budgets;
  #notes: Note[] = [];
  #exchanges: ConversationState['exchanges'] = [];
  #opened = false;

  /** @throws ReaderError `state` for a state that is damaged; MemoryError `window`. */
  constructor(options: ConversationOptions) {
    checkOpened(options, 'Conversation', CONVERSATION_RULES, 'createConversation');
    this.#options = options;
    const { model, prompts = promptsFor(model.tokenizer, model.capabilities?.prefixCache), state } = options;
    this.#frames = new PromptFrames(model, prompts);
    const { questionTokens, chunkTokens, memoryTokens, answerTokens } = options;
    const limits = given({ questionTokens, chunkTokens, memoryTokens, answerTokens });
    this.#budgets = fittingBudgets(this.#frames, model.contextLength, limits);
    this.#frames.checkWindow(this.#budgets, model.contextLength);
    if (!state) return;
    const parsed = conversationSchema.safeParse(state);
    if (!parsed.success)
      throw new ReaderError('state', 'The saved conversation is damaged. Ask its first question again.');
    this.#notes = parsed.data.notes;
    this.#exchanges = parsed.data.exchanges;
  }

  /** As plain JSON, to go on later. */
  state(): ConversationState {
    return structuredClone({ notes: this.#notes, exchanges: this.#exchanges });
  }

  /** Goes on from what a reader has answered. */
  begin(answers: readonly Answer[]): void {
    this.#notes = answers.map(({ question, memory, provenance }) => ({ question, memory, pieces: provenance }));
    this.#exchanges = answers.map(({ question, answer }) => ({ question, answer, from: 'text' }));
  }

  /**
   * Answers the next question. The first one reads the text.
   * @throws ReaderError `input` if the text has to be read and cannot be; otherwise as a reader does.
   */
  async ask(question: string, options: FollowUpOptions = {}): Promise<FollowUpAnswer> {
    if (typeof question !== 'string')
      throw new ReaderError('input', `ask: the question is ${valueText(question)}, expected a string.`);
    checkRules(options, 'ask', FOLLOW_UP_RULES);
    if (question.trim() === '') throw new ReaderError('empty', 'There is no question: ask something, or end here.');
    const { reread = 'never', onEvent } = options;
    const before = { ...this.tokens };
    const found = await this.#found(question, reread, onEvent);
    const { answer, from, missing } = found;
    if (!missing) this.#exchanges.push({ question, answer, from });
    return { ...found, tokens: tokensSince(this.tokens, before) };
  }

  async #found(question: string, reread: Reread, onEvent: FollowUpOptions['onEvent']): Promise<Found> {
    if (this.#notes.length > 0 && reread !== 'always') {
      const found = await this.#fromNotes(question);
      if (!found.missing || reread === 'never') return found;
    }
    return this.#fromText(question, onEvent);
  }

  async #fromNotes(question: string): Promise<Found> {
    const { format } = this.#frames;
    const notes = format.followUp ? this.#notes : [this.#closest(question)];
    const answer = await this.#answerFrom(question, notes);
    const isRefused = format.notInNotes !== undefined && plain(answer.answer).includes(plain(format.notInNotes));
    const isForeign = !format.followUp && !isCovered(question, notes[0]);
    const missing = isRefused || isForeign || answer.answer === '';
    return { ...answer, ...(missing && { answer: '' }), from: 'memory', missing };
  }

  async #answerFrom(question: string, notes: readonly Note[]): Promise<Omit<Found, 'from' | 'missing'>> {
    const { model, temperature = 0, seed = 0, signal } = this.#options;
    const { tokenizer } = model;
    const { answerTokens } = this.#budgets;
    const questionIds = tokenizer.encodeText(question);
    const conversation = tokenizer.encodeText(this.#earlier().slice(-MOST_EARLIER).join('\n'));
    const room = model.contextLength - answerTokens - this.#frames.followUp(questionIds, [], conversation).length;
    if (room < 1) {
      throw new ReaderError(
        'budget',
        `The question has ${questionIds.length} tokens, which leaves no room for notes in the window of ${model.contextLength} tokens. Ask a shorter one.`,
      );
    }
    const text = notes.length === 1 ? notes[0].memory : notes.map(noteText).join('\n\n');
    // The latest notes are at the end.
    const memory = tokenizer.encodeText(text).slice(-room);
    const promptIds = this.#frames.followUp(questionIds, memory, conversation);
    const options = { maxTokens: answerTokens, temperature, seed, ...given({ signal }) };
    const [[output]] = await sampleTurn(model, [{ promptIds }], options);
    addTokens(this.tokens, output.sample, promptIds.length);
    return {
      question,
      answer: answerIn(output.text, this.#frames.format),
      output: output.text,
      memory: text,
      provenance: notes.flatMap(({ pieces }) => pieces),
      truncated: output.sample.stopReason === 'length',
      notesFor: notes.map((note) => note.question),
    };
  }

  async #fromText(question: string, onEvent: FollowUpOptions['onEvent']): Promise<Found> {
    const { document: _, state: __, budget, ...reading } = this.#options;
    const reader = new MemoryReader({ ...reading, question: this.#standalone(question) });
    const source = await this.#text();
    const plan: Pick<ReadingPlan, 'only' | 'unread'> & { text: TextSource } =
      budget === undefined ? { text: source } : await planReading(reader, source, { budget, whole: true });
    for await (const event of reader.read(plan.text, given({ only: plan.only }))) onEvent?.(event);
    const [found] = await reader.answer(onEvent);
    Object.assign(this.tokens, sumOf(this.tokens, reader.tokens));
    this.#notes.push({ question, memory: found.memory, pieces: found.provenance });
    const unread = budget === undefined ? undefined : unreadAfter(reader.unread, plan.unread);
    return { ...found, question, from: 'text', missing: false, notesFor: [question], ...given({ unread }) };
  }

  async #text(): Promise<TextSource> {
    const { document } = this.#options;
    const problem = (what: string) =>
      new ReaderError('input', `The text has to be read for this question, but ${what}`);
    if (document === undefined) throw problem('there is no document. Pass it as `document`.');
    if (typeof document === 'function') return document();
    const isStream =
      typeof document === 'object' &&
      (Symbol.asyncIterator in document ||
        'getReader' in document ||
        ('next' in document && Symbol.iterator in document));
    if (isStream && this.#opened)
      throw problem('it was a stream, which can be read once. Pass `document` as a function that opens it.');
    this.#opened = true;
    return document;
  }

  /** A question that is understood without the conversation, as far as it leaves room for that. */
  #standalone(question: string): string {
    const { tokenizer } = this.#options.model;
    if (!this.#frames.format.followUp) return question;
    const { questionTokens } = this.#budgets;
    const earlier = this.#earlier();
    for (let from = Math.max(0, earlier.length - MOST_EARLIER); from < earlier.length; from++) {
      const whole = `${question}\n(Asked before: ${earlier.slice(from).join(' ')})`;
      if (tokenizer.encodeText(whole).length <= questionTokens) return whole;
    }
    return question;
  }

  #earlier(): string[] {
    return this.#exchanges.map(({ question, answer }) => `${question} ${answer}`);
  }

  /** The note that has most of the question's words; of several, the latest. */
  #closest(question: string): Note {
    const share = ({ memory, question: own }: Note) => {
      const known = new Set(wordsOf(`${own} ${memory}`));
      return tellingWords(question).filter((word) => known.has(word)).length;
    };
    return this.#notes.reduce((best, note) => (share(note) >= share(best) ? note : best));
  }
}

/** Exchanges that a question is shown with. */
const MOST_EARLIER = 4;

const noteText = ({ question, memory }: Note) => `For the question "${question}":\n${memory}`;

const plain = (text: string) => wordsOf(text).join(' ');

const tellingWords = (question: string) => wordsOf(question).filter((word) => !COMMON.has(word));

/** Whether a note has all that a question names: what can be told of a model that cannot say that it does not know. */
function isCovered(question: string, { memory }: Note): boolean {
  const known = new Set(wordsOf(memory));
  return tellingWords(question).every((word) => known.has(word));
}
