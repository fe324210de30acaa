/** Many documents, each read for itself: in one batch of a local model, or at the same time at a server. */

import { ANY, atLeast, FUNCTION, type Rules } from '../base/option-rules.js';
import { valueText } from '../base/values.js';
import { SideBySide } from '../memory/side-by-side.js';
import { namesForPrices, Prices } from '../policy/prices.js';
import { checkOptions } from './check-options.js';
import { ReaderError } from './errors.js';
import type { MemoryEvent } from './events.js';
import { checkQuestion, isRepeatable, type TextSource } from './input.js';
import {
  checkedBudget,
  type DocumentReading,
  type KeptReading,
  opened,
  READING_RULES,
  type ReadDocumentOptions,
  readDocument,
  readKeeping,
} from './read-document.js';
import { MemoryReader } from './reader.js';

export interface ReadDocumentsOptions
  extends Omit<ReadDocumentOptions, 'document' | 'state' | 'onEvent' | 'onEstimate' | 'onNote'> {
  documents: readonly TextSource[];
  /** Most documents that are read at a time; default 16. */
  sideBySide?: number;
  /**
   * Where readings are kept, such as `keptReadings` gives. Of a document that was read before, only what has changed is
   * read; one that is as it was costs nothing.
   */
  states?: ReadingStore;
  /** Called after every turn. @param document its number, from 0 */
  onEvent?: (event: MemoryEvent, document: number) => void;
  onNote?: (note: string, document: number) => void;
  /** Called when a document is done. */
  onDocument?: (outcome: DocumentOutcome, document: number) => void;
}

const { document: _, state: __, onEstimate: ___, ...SHARED_RULES } = READING_RULES;
export const DOCUMENTS_RULES: Rules<ReadDocumentsOptions> = {
  ...SHARED_RULES,
  documents: ANY,
  sideBySide: atLeast(1),
  states: ANY,
  onDocument: FUNCTION,
};

/** Keeps the readings of several documents, each by its number, from 0. */
export interface ReadingStore {
  /** The reading that was last kept. Until `release`, nobody else takes it. */
  take(document: number): Promise<KeptReading | undefined>;
  keep(document: number, reading: KeptReading): Promise<void>;
  release(document: number): Promise<void>;
}

/** A document's reading, or why there is none. A document that cannot be read does not end the others. */
export type DocumentOutcome = { reading: DocumentReading; error?: undefined } | { reading?: undefined; error: Error };

/** More rows make a small model no faster, and each holds a document's text. */
const SIDE_BY_SIDE = 16;

/**
 * Reads each document separately for the same questions, and answers them for each.
 * @returns the outcomes in the order of the documents
 * @throws the signal's reason if it is aborted; otherwise what opening the model throws.
 */
export async function readDocuments(options: ReadDocumentsOptions): Promise<DocumentOutcome[]> {
  checkOptions(options, 'readDocuments', DOCUMENTS_RULES);
  checkDocuments(options.documents, 'readDocuments');
  const { documents, sideBySide = SIDE_BY_SIDE, states, onEvent, onNote, onDocument, ...rest } = options;
  await checkQuestion(options.question);
  if (states !== undefined && typeof states.take !== 'function')
    throw new ReaderError(
      'input',
      'readDocuments: `states` is not a store of readings: pass what `await keptReadings(folder, …)` gives.',
    );
  const open = await opened(rest, (settings) => ({ settings }));
  const { model } = open.settings;
  const count = Math.min(sideBySide, documents.length);
  // Servers take requests side by side as they are.
  const table = model.capabilities?.speculation ? new SideBySide(model, count) : undefined;
  const outcomes: DocumentOutcome[] = [];
  let next = 0;
  const read = async (at: number): Promise<DocumentOutcome> => {
    const seat = table?.seat();
    const told = {
      ...(onEvent && { onEvent: (event: MemoryEvent) => onEvent(event, at) }),
      ...(onNote && { onNote: (note: string) => onNote(note, at) }),
    };
    const reading = { ...open.settings, ...told, model: seat ?? model, document: documents[at] };
    try {
      return { reading: await (states ? withStore(states, at, reading) : readDocument(reading)) };
    } catch (error) {
      options.signal?.throwIfAborted();
      return { error: error as Error };
    } finally {
      seat?.leave();
    }
  };
  const reader = async () => {
    for (let at = next++; at < documents.length; at = next++) {
      outcomes[at] = await read(at);
      onDocument?.(outcomes[at], at);
    }
  };
  try {
    // What no document can be read with is refused once.
    const { budget, prices, ...settings } = open.settings;
    checkedBudget(budget);
    if (prices) new Prices(prices, namesForPrices(options.model));
    new MemoryReader(settings);
    await Promise.all(Array.from({ length: count }, reader));
  } finally {
    await open.close();
  }
  return outcomes;
}

/** @throws ReaderError `input` for anything but a list with at least one document. */
export function checkDocuments(documents: unknown, called: string): void {
  if (Array.isArray(documents) && documents.length > 0) return;
  throw new ReaderError(
    'input',
    `${called}: \`documents\` is ${Array.isArray(documents) ? 'empty' : valueText(documents)}, expected a list with at least one document.`,
  );
}

/** Reads on from what is kept; a text that has taken the place of another one is read from its beginning. */
async function withStore(states: ReadingStore, at: number, options: ReadDocumentOptions): Promise<DocumentReading> {
  const kept = await states.take(at);
  const keep = (reading: KeptReading) => states.keep(at, reading);
  try {
    return await readKeeping(options, { kept, keep });
  } catch (error) {
    if (!kept || !ReaderError.isInstance(error, 'state') || !isRepeatable(options.document)) throw error;
    options.onNote?.('The text is another one than before, so it is read from its beginning');
    return await readKeeping(options, { kept: undefined, keep });
  } finally {
    await states.release(at);
  }
}
