/** Before the first turn: which chunks will be read, and what that takes. */
import { fnv1a } from '../base/hash.js';
import { given } from '../base/objects.js';
import type { Money, Prices } from '../policy/prices.js';
import type { Extent, Unread, Wanted } from './extent.js';
import type { TextSource } from './input.js';
import type { PlacedText } from './places.js';
import type { MemoryReader } from './reader.js';
import type { ReaderState } from './state.js';
import { extrapolated, survey } from './survey.js';
import type { ReadTokens } from './tokens.js';

export interface ReadingEstimate {
  /** False: extrapolated from the beginning of the text. */
  exact: boolean;
  /** Chunks to read, which are as many turns. */
  chunks: number;
  /** Requests to the model: one for each question in each turn, and for each answer. */
  requests: number;
  /** Most tokens of all prompts and outputs. */
  tokens: ReadTokens;
  /** At most, for a model with a price. */
  cost?: Money;
  /** Known once a turn has been read. */
  seconds?: number;
}

export interface PlanOptions {
  /** Most tokens of the text to read. */
  budget?: number;
  /** Characters of the text, if they are known; without them, a long text is not estimated. */
  characters?: number;
  /** The source is the whole text, of which a part may have been read. */
  whole?: boolean;
  prices?: Prices;
}

export interface ReadingPlan {
  /** What to pass to `reader.read`. */
  text: AsyncIterable<PlacedText>;
  only?: Wanted;
  estimate?: ReadingEstimate;
  /** What the budget leaves out and was not read before; absent without one. */
  unread?: Unread;
}

/** Characters of the beginning from which the rest is estimated: some eight chunks of the usual size. */
const BEGINNING = 2 ** 17;

/**
 * Looks at a text before it is read, as far as that is needed: at all of it for a budget, otherwise at its beginning.
 * @throws ReaderError `budget` if the budget is smaller than a chunk; `input` if the source cannot be read.
 */
export async function planReading(
  reader: MemoryReader,
  source: TextSource,
  options: PlanOptions = {},
): Promise<ReadingPlan> {
  const { budget, characters, whole, prices } = options;
  if (budget !== undefined) return planExactly(reader, source, options);
  const { held, all, ended } = await beginningOf(reader.opened(source), BEGINNING);
  const total = ended ? lengthOf(held) : characters;
  if (total === undefined) return { text: all };
  if (ended && total <= BEGINNING) return planExactly(reader, all, options);
  const beginning = held
    .map(({ text }) => text)
    .join('')
    .slice(0, BEGINNING);
  const chunks = [];
  for await (const chunk of reader.chunks([beginning])) chunks.push(chunk);
  const left = total - (whole ? reader.startFor(() => true) : 0);
  return { text: all, estimate: estimateOf(reader, extrapolated(chunks, Math.max(0, left)), false, prices) };
}

/** The same for the whole text, which it holds in memory. */
export async function planExactly(
  reader: MemoryReader,
  source: TextSource,
  { budget, whole, prices }: PlanOptions,
): Promise<ReadingPlan & { estimate: ReadingEstimate; isRead: boolean }> {
  const { held, all } = await beginningOf(reader.opened(source), Number.POSITIVE_INFINITY);
  const { questions } = reader;
  const { chunkTokens } = reader.budgets;
  const before = whole ? reader : undefined;
  const asked = { questions, chunkTokens, ...given({ budget }) };
  const found = await survey(reader.chunks(textIn(held)), { ...asked, ...given({ before }) });
  const { unread, reads } = found;
  const { isSame, isRead } = whole ? comparedWith(reader.state(), held) : { isSame: true, isRead: false };
  // At most all of a changed text: how soon the memory will be what it was, only reading tells.
  const { read } = isSame ? found : await survey(reader.chunks(textIn(held)), asked);
  const plan = { text: all, estimate: estimateOf(reader, read, true, prices), isRead };
  return budget === undefined ? plan : { ...plan, only: reads, unread };
}

/** Whether what was read of a text is as it was, and whether that is all of it. */
function comparedWith({ position, pending, fingerprint }: ReaderState, held: readonly PlacedText[]) {
  let hash = fnv1a('');
  let offset = 0;
  let rest = '';
  for (const text of textIn(held)) {
    const known = Math.max(0, position - offset);
    hash = fnv1a(text.slice(0, known), hash);
    rest += text.slice(known);
    offset += text.length;
  }
  const isSame = hash === fingerprint;
  return { isSame, isRead: isSame && position + pending.length > 0 && rest === pending };
}

function estimateOf(reader: MemoryReader, extent: Extent, exact: boolean, prices: Prices | undefined): ReadingEstimate {
  const tokens = reader.mostTokens(extent);
  const questions = reader.questions.length;
  return {
    exact,
    chunks: extent.chunks,
    requests: questions * (extent.chunks + 1),
    tokens,
    ...(prices && { cost: prices.of(tokens) }),
    // A reading that continues knows how fast it was.
    ...(reader.turns > 0 && { seconds: (reader.seconds / reader.turns) * extent.chunks }),
  };
}

/** The first pieces, up to about so many characters, and all pieces. */
async function beginningOf(pieces: AsyncGenerator<PlacedText>, most: number) {
  const held: PlacedText[] = [];
  let characters = 0;
  let ended = false;
  while (characters < most && !ended) {
    const next = await pieces.next();
    if (next.done) ended = true;
    else {
      held.push(next.value);
      characters += next.value.text.length;
    }
  }
  async function* all(): AsyncGenerator<PlacedText> {
    try {
      yield* held;
      if (!ended) yield* pieces;
    } finally {
      await pieces.return(undefined);
    }
  }
  return { held, ended, all: all() };
}

const lengthOf = (pieces: readonly PlacedText[]) => pieces.reduce((sum, { text }) => sum + text.length, 0);

function* textIn(pieces: readonly PlacedText[]): Generator<string> {
  for (const { text } of pieces) yield text;
}
