/**
 * A text before it is read: how many chunks it has, and which of them are worth their tokens. A lexical search for the
 * questions' words finds the most promising ones (BM25).
 */
import { bm25OfCounts, type CountedText, countedText, searchTermsOf } from '../text/bm25.js';
import type { Chunk } from '../text/chunks.js';
import { ReaderError } from './errors.js';
import type { Extent, Unread, Wanted } from './extent.js';

export interface Survey {
  /** What will be read. */
  read: Extent;
  unread: Unread;
  /** Whether any chunk that will be read lies between these offsets. */
  reads: Wanted;
}

/** What was read of a text before. */
export interface ReadBefore {
  /** Whether all of the text between two offsets has been read. */
  hasRead(start: number, end: number): boolean;
  /** The offset from which reading goes on, since text after it is wanted that was not read. */
  startFor(wanted: Wanted): number;
}

interface Surveyed {
  start: number;
  end: number;
  tokens: number;
  /** For each question. */
  counted: CountedText[];
}

export interface SurveyOptions {
  questions: readonly string[];
  /** Most tokens of the text to read; absent: all. */
  budget?: number;
  /** Size of a chunk. */
  chunkTokens: number;
  /** Absent: nothing. */
  before?: ReadBefore;
}

/**
 * Looks through all chunks of a text.
 * @throws ReaderError `budget` if the budget is smaller than a chunk, and the text larger than the budget.
 */
export async function survey(chunks: AsyncIterable<Chunk>, options: SurveyOptions): Promise<Survey> {
  const { questions, budget, chunkTokens, before } = options;
  const queries = questions.map((question) => new Set(searchTermsOf(question)));
  const found: Surveyed[] = [];
  for await (const { text, start, end, ids } of chunks) {
    const words = budget === undefined ? [] : searchTermsOf(text);
    const counted = budget === undefined ? [] : queries.map((query) => countedText(query, words));
    found.push({ start, end, tokens: ids.length, counted });
  }
  const chosen = new Set(chosenOf(found, queries.length, budget, chunkTokens));
  const reads = overlapWith(found.filter((chunk) => chosen.has(chunk)));
  const from = before?.startFor(reads) ?? 0;
  const isRead = (chunk: Surveyed) => chosen.has(chunk) || before?.hasRead(chunk.start, chunk.end);
  return {
    read: extentOf(found.filter((chunk) => chunk.start >= from && isRead(chunk))),
    unread: { ...unreadOf(found.filter((chunk) => !isRead(chunk))), ...unfoundIn(found, chosen.size, questions) },
    reads,
  };
}

/** Questions whose words are nowhere in a text of which something is left out. */
function unfoundIn(found: readonly Surveyed[], chosen: number, questions: readonly string[]): Pick<Unread, 'unfound'> {
  if (chosen === found.length) return {};
  const unfound = questions.filter((_, at) => found.every(({ counted }) => counted[at].counts.size === 0));
  return unfound.length === 0 ? {} : { unfound };
}

/** @param chunks in the order of the text */
function overlapWith(chunks: readonly Surveyed[]): Wanted {
  return (start, end) => {
    let [low, high] = [0, chunks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (chunks[middle].end <= start) low = middle + 1;
      else high = middle;
    }
    return low < chunks.length && chunks[low].start < end;
  };
}

/** The most promising chunks, as many as the budget allows; all if they fit. */
function chosenOf(found: readonly Surveyed[], questions: number, budget: number | undefined, chunkTokens: number) {
  const total = extentOf(found).tokens;
  if (budget === undefined || total <= budget) return found;
  if (budget < chunkTokens) {
    throw new ReaderError(
      'budget',
      `The budget is ${budget} tokens, less than a chunk, which may have ${chunkTokens}. Raise the budget, or lower chunkTokens (--chunk-tokens).`,
    );
  }
  const chosen = new Set<Surveyed>();
  let left = budget;
  for (const chunk of byPromise(found, questions)) {
    if (chunk.tokens > left) continue;
    chosen.add(chunk);
    left -= chunk.tokens;
  }
  return [...chosen];
}

/** Every question's best chunk, then every question's second best, and so on. */
function byPromise(found: readonly Surveyed[], questions: number): Surveyed[] {
  const rankings = Array.from({ length: questions }, (_, question) => {
    const scores = bm25OfCounts(found.map(({ counted }) => counted[question]));
    // The order of the text decides between equal scores.
    return found.map((_, at) => at).sort((a, b) => scores[b] - scores[a] || a - b);
  });
  const order = found.flatMap((_, rank) => rankings.map((ranking) => found[ranking[rank]]));
  return [...new Set(order)];
}

function extentOf(chunks: readonly Surveyed[]): Extent {
  return {
    chunks: chunks.length,
    tokens: chunks.reduce((sum, { tokens }) => sum + tokens, 0),
    characters: chunks.reduce((sum, { start, end }) => sum + end - start, 0),
  };
}

function unreadOf(chunks: readonly Surveyed[]): Unread {
  const ranges: Unread['ranges'] = [];
  for (const { start, end } of chunks) {
    const last = ranges.at(-1);
    if (last?.end === start) last.end = end;
    else ranges.push({ start, end });
  }
  return { ...extentOf(chunks), ranges };
}

/**
 * The extent of a text of which only the beginning is known.
 * @param chunks of the beginning; its last one may be cut short
 * @param characters of the text that will be read
 */
export function extrapolated(chunks: readonly Pick<Chunk, 'text' | 'ids'>[], characters: number): Extent {
  const whole = chunks.length > 1 ? chunks.slice(0, -1) : chunks;
  const sums = whole.reduce((sum, { text, ids }) => ({ text: sum.text + text.length, ids: sum.ids + ids.length }), {
    text: 0,
    ids: 0,
  });
  if (sums.text === 0) return { chunks: 0, tokens: 0, characters };
  return {
    chunks: Math.ceil((characters / sums.text) * whole.length),
    tokens: Math.round((characters / sums.text) * sums.ids),
    characters,
  };
}
