/** A question, a text, an answer: the reader in one call, and readers of models that are named. */

import { given } from '../base/objects.js';
import { ANY, FUNCTION, type Rules } from '../base/option-rules.js';
import { valueText } from '../base/values.js';
import { readerSettings, readingFrom } from '../memory/reading-settings.js';
import type { MemoryModel } from '../memory/turn.js';
import { type Money, namesForPrices, Prices, type PriceTable } from '../policy/prices.js';
import { isBytes } from './bytes.js';
import { checkDocument, checkOptions } from './check-options.js';
import { CONVERSATION_RULES, Conversation, type ConversationOptions } from './conversation.js';
import { ReaderError } from './errors.js';
import { type Unread, unreadAfter } from './extent.js';
import { checkQuestion, checkSource, type TextSource } from './input.js';
import { NAMED_MODEL_RULES } from './option-rules.js';
import type { NamedModelOptions } from './options.js';
import { type PlanOptions, planReading, type ReadingEstimate, type ReadingPlan } from './plan.js';
import { type Answer, type MemoryEvent, MemoryReader, type ReaderOptions } from './reader.js';
import { isSameReading, type MemoryPiece, type ReaderState } from './state.js';
import { type ReadTokens, tokensSince } from './tokens.js';

export type { NamedModelOptions };

export type Closable = AsyncDisposable & { close(): Promise<void> };

/** An open reader. `close` frees a model that was opened for it. */
export async function createMemoryReader(options: NamedModelOptions): Promise<MemoryReader & Closable> {
  checkOptions(options, 'createMemoryReader', NAMED_MODEL_RULES);
  await checkQuestion(options.question);
  return opened(options, (open) => new MemoryReader(open));
}

type NamedConversationOptions = Omit<NamedModelOptions, 'question' | 'state'> &
  Omit<ConversationOptions, Exclude<keyof ReaderOptions, 'state'>>;

const { question: _, ...NAMED_RULES } = NAMED_MODEL_RULES;
const NAMED_CONVERSATION_RULES: Rules<NamedConversationOptions> = { ...NAMED_RULES, ...CONVERSATION_RULES };

/** A conversation about a document. `close` frees a model that was opened for it. */
export async function createConversation(options: NamedConversationOptions): Promise<Conversation & Closable> {
  checkOptions(options, 'createConversation', NAMED_CONVERSATION_RULES);
  return opened(options, (open) => new Conversation(open));
}

/** What is made with a model that may be only named. */
export async function opened<Options extends Omit<NamedModelOptions, 'question' | 'state'>, Made extends object>(
  options: Options,
  make: (options: Omit<Options, 'model'> & { model: MemoryModel }) => Made,
): Promise<Made & Closable> {
  const { model: named, tokenizer, contextLength, thinking, allowHosts, onDownload, ...others } = options;
  const { prediction, cacheKey, precision, ...rest } = others;
  let trained: Partial<ReaderOptions> = {};
  let close = async () => {};
  let model: MemoryModel;
  if (typeof named === 'string') {
    const { openModel } = await import('../models/open.js');
    const { savedReading } = await import('../models/reading-file.js');
    const { signal } = options;
    const reading = readingFrom(await savedReading(named));
    trained = readerSettings(reading, {});
    const { onNote: note } = options;
    const opening = { tokenizer, contextLength, allowHosts, onDownload, signal, prediction, cacheKey, precision, note };
    const policy = await openModel(named, { ...opening, thinking: thinking ?? reading?.thinking });
    close = () => policy.close();
    model = policy;
  } else model = named;
  try {
    const made = make({ ...trained, ...(given(rest) as typeof rest), model } as Parameters<typeof make>[0]);
    return Object.assign(made, {
      close,
      [Symbol.asyncDispose ?? Symbol.for('asyncDispose')]: close,
    }) as Made & Closable;
  } catch (error) {
    await close();
    throw error;
  }
}

export interface ReadDocumentOptions extends NamedModelOptions {
  document: TextSource;
  /**
   * Reads at most so many tokens of the text: the chunks that a search for the questions' words finds most promising,
   * in the order of the text. `DocumentReading.unread` says what was left out. A reading that goes on from its state
   * without a budget, or with a larger one, reads more of it.
   */
  budget?: number;
  /** Turns tokens into money. The table has to have the model. */
  prices?: PriceTable;
  /**
   * Told before the first turn what the reading will take, if the length of the text is known, and again with the time
   * after the first turn.
   */
  onEstimate?: (estimate: ReadingEstimate) => void;
  /** Called after every turn, that of a shorter last chunk included. */
  onEvent?: (event: MemoryEvent) => void;
}

/** The rules of all options of `readDocument`. */
export const READING_RULES: Rules<ReadDocumentOptions> = {
  ...NAMED_MODEL_RULES,
  document: ANY,
  budget: ANY,
  prices: ANY,
  onEstimate: FUNCTION,
  onEvent: FUNCTION,
};

export interface DocumentReading {
  /** Answer to the first question. */
  answer: string;
  answers: Answer[];
  /** Number of chunks read, including a shorter last one. */
  turns: number;
  /** Memory of the first question after each chunk. */
  memory: string[];
  /** The sentences and lines of the first question's last memory, with their sources. */
  provenance: MemoryPiece[];
  tokens: ReadTokens & { total: number };
  /** What the tokens cost; absent without prices. */
  cost?: Money;
  /** What budgets have left out, this one and those of the state; absent without one. */
  unread?: Unread;
  /** Seconds spent in the model. */
  seconds: number;
  /** State to continue from when the text has grown. */
  state: ReaderState;
}

/** A reading that is kept to go on from. */
export interface KeptReading {
  state: ReaderState;
  /** From all that is to be read; absent while it is read. */
  answers?: Answer[];
}

/** Keeps a reading, and continues the one that was kept. */
export interface Keeping {
  kept: KeptReading | undefined;
  /** Called after every turn, and with the answers. */
  keep(reading: KeptReading): Promise<void>;
}

/**
 * Reads a document of any length for one question or several, and answers them.
 * @throws ReaderError, MemoryError or PolicyError that says what to do; the signal's reason if it is aborted.
 */
export async function readDocument(options: ReadDocumentOptions): Promise<DocumentReading> {
  return readKeeping(options);
}

/**
 * The same; what is kept is only read where the text has changed, and the answers to a text that is as it was are those
 * of before. Tokens are those of this call.
 */
export async function readKeeping(options: ReadDocumentOptions, keeping?: Keeping): Promise<DocumentReading> {
  checkOptions(options, 'readDocument', READING_RULES);
  const { document, onEvent, budget, prices: table, onEstimate, ...rest } = options;
  checkDocument(options, 'readDocument');
  await checkSource(document);
  if (document === '') throw new ReaderError('empty', 'The document is empty: there is nothing to read.');
  const prices = table && new Prices(table, namesForPrices(options.model));
  const kept = keeping?.kept;
  const whole = keeping !== undefined || options.state !== undefined;
  const reader = await createMemoryReader({ ...rest, ...given({ state: kept?.state }) });
  try {
    const planning = { budget: checkedBudget(budget), whole, prices };
    const plan = await planOf(reader, document, planning, onEstimate !== undefined);
    const { estimate, only } = plan;
    if (estimate) onEstimate?.(estimate);
    const memory: string[] = [];
    const tell = (event: MemoryEvent) => {
      if (memory.length === 0 && estimate) onEstimate?.({ ...estimate, seconds: event.seconds * estimate.chunks });
      memory.push(event.memories[0].memory);
      onEvent?.(event);
    };
    for await (const event of reader.read(plan.text, { whole, ...given({ only }) })) {
      tell(event);
      await keeping?.keep({ state: reader.state() });
    }
    const read = reader.state();
    const known = isSameReading(kept?.state, read) ? kept?.answers : undefined;
    let short = known && !reader.exited && read.pending.trim() !== '' ? 1 : 0;
    const answers =
      known ??
      (await reader.answer((event) => {
        short++;
        tell(event);
      }));
    if (!known) await keeping?.keep({ state: reader.state(), answers });
    const [first] = answers;
    const unread = unreadAfter(reader.unread, plan.unread);
    const tokens = kept ? tokensSince(reader.tokens, kept.state.tokens) : reader.tokens;
    return {
      answer: first.answer,
      answers,
      turns: reader.turns + short,
      memory,
      provenance: first.provenance,
      tokens: { ...tokens, total: tokens.prompt + tokens.output },
      ...(prices && { cost: prices.of(tokens) }),
      ...((budget !== undefined || unread.chunks > 0) && { unread }),
      seconds: reader.seconds,
      state: reader.state(),
    };
  } finally {
    await reader.close();
  }
}

/** A plan as far as somebody wants it: without one, the text is read as it comes. */
async function planOf(
  reader: MemoryReader,
  document: TextSource,
  options: PlanOptions,
  isTold: boolean,
): Promise<Omit<ReadingPlan, 'text'> & { text: TextSource }> {
  if (options.budget === undefined && !isTold) return { text: document };
  const characters = await lengthOf(document);
  // Waiting for the beginning of a stream would keep its first chunk from being read.
  if (options.budget === undefined && characters === undefined) return { text: document };
  return planReading(reader, document, { ...options, characters });
}

/** Characters of a document that is known as a whole; of bytes and files, their bytes. */
async function lengthOf(document: TextSource): Promise<number | undefined> {
  if (typeof document === 'string') return document.length;
  if (isBytes(document)) return document.byteLength;
  if (!('file' in document)) return undefined;
  const { charactersAt } = await import('./files/opened-file.js');
  return charactersAt(document.file);
}

/** @throws ReaderError `budget` for anything but a whole number of at least 1. */
export function checkedBudget(budget: number | undefined): number | undefined {
  if (budget === undefined || (Number.isSafeInteger(budget) && budget >= 1)) return budget;
  throw new ReaderError('budget', `The budget is ${valueText(budget)}, expected a whole number of tokens, at least 1.`);
}
