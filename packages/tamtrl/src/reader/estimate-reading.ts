/** What a reading would take, without a single request to the model. */
import { given } from '../base/objects.js';
import { type ReaderSettings, readerSettings, readingFrom } from '../memory/reading-settings.js';
import type { MemoryModel } from '../memory/turn.js';
import type { OfflineOptions } from '../models/offline.js';
import { namesForPrices, Prices } from '../policy/prices.js';
import { checkDocument, checkOptions } from './check-options.js';
import { ReaderError } from './errors.js';
import type { Unread } from './extent.js';
import { checkQuestion, checkSource } from './input.js';
import { planExactly, type ReadingEstimate } from './plan.js';
import { checkedBudget, READING_RULES, type ReadDocumentOptions } from './read-document.js';
import { MemoryReader } from './reader.js';

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
  const { document, model: named, budget, prices: table, state, ...rest } = options;
  const { tokenizer, contextLength, thinking, allowHosts: _, onDownload, prediction: __, cacheKey: ___, ...own } = rest;
  const prices = table && new Prices(table, namesForPrices(named));
  const opening = given({ tokenizer, contextLength, thinking, onDownload });
  const { model, assumed, trained, close } = await modelForPlan(named, opening);
  try {
    const reader = new MemoryReader({ ...trained, ...(given(own) as typeof own), model, ...given({ state }) });
    const planning = { budget: checkedBudget(budget), whole: state !== undefined, prices };
    const { estimate, unread } = await planExactly(reader, document, planning);
    if (estimate.chunks === 0 && reader.turns === 0)
      throw new ReaderError('empty', 'The text is empty: there is nothing to read.');
    return { ...estimate, contextLength: model.contextLength, assumed, ...(unread && { unread }) };
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
