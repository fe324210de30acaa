/** What a reading would take, without a single request to the model. */
import { given } from '../base/objects.js';
import { FUNCTION, type Rules } from '../base/option-rules.js';
import { type ReaderSettings, readerSettings, readingFrom } from '../memory/reading-settings.js';
import type { MemoryModel } from '../memory/turn.js';
import type { OfflineOptions } from '../models/offline.js';
import { namesForPrices, Prices } from '../policy/prices.js';
import { checkDocument, checkOptions } from './check-options.js';
import { ReaderError } from './errors.js';
import type { Unread } from './extent.js';
import { checkQuestion, checkSource, type TextSource } from './input.js';
import { planExactly, type ReadingEstimate } from './plan.js';
import { checkedBudget, READING_RULES, type ReadDocumentOptions } from './read-document.js';
import { checkDocuments, DOCUMENTS_RULES, type ReadDocumentsOptions } from './read-documents.js';
import { MemoryReader } from './reader.js';
import { type ReadTokens, sumOf } from './tokens.js';

export interface DryRun extends ReadingEstimate {
  /** The model's window in tokens. */
  contextLength: number;
  /** The server was not asked for its window, and none was given: the usual one is assumed. */
  assumed: boolean;
  /** What the budget leaves out; absent without one. */
  unread?: Unread;
}

/**
 * Looks through the whole document as `readDocument` would read it with the same options. Nothing is sent to a server;
 * a model on this machine is opened, but not run.
 * @throws ReaderError, MemoryError or PolicyError as `readDocument` would before its first turn.
 */
export async function estimateReading(options: Omit<ReadDocumentOptions, 'onEvent' | 'onEstimate'>): Promise<DryRun> {
  checkOptions(options, 'estimateReading', READING_RULES);
  checkDocument(options, 'estimateReading');
  await checkQuestion(options.question);
  await checkSource(options.document);
  const { document, state, onNote, ...rest } = options;
  return planned(rest, async (estimated) => (await estimated(document, given({ state, onNote }))).found);
}

export interface EstimateReadingsOptions extends Omit<ReadDocumentsOptions, 'sideBySide' | 'onEvent' | 'onDocument'> {
  /** Called for a document that cannot be read; without it, that is thrown. */
  onError?: (error: Error, document: number) => void;
}

const { sideBySide: _, onEvent: __, onDocument: ___, ...SHARED_RULES } = DOCUMENTS_RULES;
const EACH_RULES: Rules<EstimateReadingsOptions> = { ...SHARED_RULES, onError: FUNCTION };

/**
 * The sums over several documents that `readDocuments` would read with the same options. One whose reading is kept and
 * that is as it was counts nothing, as it costs nothing.
 * @throws as `estimateReading`
 */
export async function estimateReadings(options: EstimateReadingsOptions): Promise<DryRun> {
  checkOptions(options, 'estimateReadings', EACH_RULES);
  checkDocuments(options.documents, 'estimateReadings');
  const { documents, states, onError, onNote, ...rest } = options;
  await checkQuestion(options.question);
  return planned(rest, async (estimated) => {
    let sum: DryRun | undefined;
    for (const [at, document] of documents.entries()) {
      try {
        const kept = await states?.take(at);
        const note = onNote && ((text: string) => onNote(text, at));
        const { found, isRead } = await estimated(document, given({ state: kept?.state, onNote: note }));
        sum = both(sum, kept?.answers && isRead ? { ...found, chunks: 0, requests: 0, tokens: NONE } : found);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!onError) throw error;
        onError(error as Error, at);
      } finally {
        await states?.release(at);
      }
    }
    if (!sum) throw new ReaderError('input', 'There is no document that can be read.');
    const prices = rest.prices && new Prices(rest.prices, namesForPrices(rest.model));
    return { ...sum, ...given({ cost: prices?.of(sum.tokens) }) };
  });
}

const NONE: ReadTokens = { prompt: 0, output: 0 };

function both(one: DryRun | undefined, other: DryRun): DryRun {
  // Only some of the readings know how fast they are.
  const { seconds: _, cost: __, ...rest } = other;
  if (!one) return rest;
  const unread = [one.unread, other.unread].filter((each) => each !== undefined);
  return {
    ...rest,
    exact: one.exact && other.exact,
    chunks: one.chunks + other.chunks,
    requests: one.requests + other.requests,
    tokens: sumOf(one.tokens, other.tokens),
    ...(unread.length > 0 && { unread: unread.reduce(bothUnread) }),
  };
}

const bothUnread = (one: Unread, other: Unread): Unread => ({
  chunks: one.chunks + other.chunks,
  tokens: one.tokens + other.tokens,
  characters: one.characters + other.characters,
  // Offsets of different texts.
  ranges: [],
});

type Estimated = (
  document: TextSource,
  options: Pick<ReadDocumentOptions, 'state' | 'onNote'>,
) => Promise<{ found: DryRun; isRead: boolean }>;

/** What is found out with a model that is opened for it, but not asked. */
async function planned<Result>(
  options: Omit<ReadDocumentOptions, 'document' | 'state' | 'onNote' | 'onEvent' | 'onEstimate'>,
  work: (estimated: Estimated) => Promise<Result>,
): Promise<Result> {
  const { model: named, budget, prices: table, ...rest } = options;
  const {
    tokenizer,
    contextLength,
    thinking,
    allowHosts: _,
    onDownload,
    prediction: __,
    cacheKey: ___,
    precision: ____,
    ...own
  } = rest;
  const prices = table && new Prices(table, namesForPrices(named));
  const opening = given({ tokenizer, contextLength, thinking, onDownload });
  const { model, assumed, trained, close } = await modelForPlan(named, opening);
  try {
    return await work(async (document, { state, onNote }) => {
      const reader = new MemoryReader({
        ...trained,
        ...(given(own) as typeof own),
        model,
        ...given({ state, onNote }),
      });
      const planning = { budget: checkedBudget(budget), whole: state !== undefined, prices };
      const { estimate, unread, isRead } = await planExactly(reader, document, planning);
      if (estimate.chunks === 0 && reader.turns === 0)
        throw new ReaderError('empty', 'The text is empty: there is nothing to read.');
      const found = { ...estimate, contextLength: model.contextLength, assumed, ...(unread && { unread }) };
      return { found, isRead };
    });
  } finally {
    await close();
  }
}

async function modelForPlan(
  named: string | MemoryModel,
  opening: OfflineOptions,
): Promise<{ model: MemoryModel; assumed: boolean; trained: ReaderSettings; close: () => Promise<void> }> {
  if (typeof named !== 'string') return { model: named, assumed: false, trained: {}, close: async () => {} };
  const { offlineModel } = await import('../models/offline.js');
  const { savedReading } = await import('../models/reading-file.js');
  const trained = readerSettings(readingFrom(await savedReading(named)), {});
  const { model, assumed } = await offlineModel(named, opening);
  return { model, assumed, trained, close: () => model.close() };
}
