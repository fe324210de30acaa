/**
 * How the model reads sequences that enter the batch: their prompts and then their drafts, in pieces. Where a text
 * is cut depends on its own request only, so that its numbers do not depend on what else is read.
 */
import { prefixKey } from './prefix-slots.js';
import type { Sequence } from './sequences.js';

/** Texts are read in pieces of at most this many tokens. */
const PIECE_TOKENS = 512;
/** Lengths of pieces are padded to multiples of this, for the same reason as the cache's. */
const PADDING_STEP = 16;
/** Number of tokens to read in one run, at most. */
const RUN_TOKENS = 4096;
/** From this many tokens on, another run costs less than padding shorter texts to the length of longer ones. */
const ENOUGH_TOKENS = 256;

export interface Piece {
  start: number;
  end: number;
  /** Pieces of different texts with the same number, and all before them, hold the same tokens. */
  number: number;
}

/** A prompt and a draft that one or more sequences begin with. */
export interface Text {
  /** The prompt, then the draft as far as it is read. */
  ids: readonly number[];
  promptLength: number;
  /** What it begins with and others share, kept apart from its own tokens; its pieces are what follows. */
  prefix?: { key: string; length: number };
  pieces: Piece[];
  sequences: readonly Sequence[];
  /** The sequences that have drawn nothing but the draft so far. */
  following: Sequence[];
  /** Hidden states of the prompt's last token and of the draft's tokens. [draft + 1][hiddenSize] */
  hidden: Float32Array[];
}

/** A text that is read together with others. */
export interface Reading {
  text: Text;
  /** The first piece that is read for this text itself; the pieces before it come from `source`. */
  firstOwn: number;
  source?: Text;
}

/** A place in a text after which a token is drawn: 0 is after the prompt, k after k tokens of the draft. */
export interface Place {
  text: Text;
  place: number;
}

/** The number of tokens of each row of a run, and the numbers of the pieces that it reads. */
interface Run {
  length: number;
  numbers: Set<number>;
}

/**
 * The texts of sequences, in lists that are read together: none or all of a list have prefixes. Sequences with the same
 * prompt and draft share a text.
 */
export function readingsOf(sequences: readonly Sequence[], prefixLength: (sequence: Sequence) => number): Reading[][] {
  const groups = new Map<string, Sequence[]>();
  for (const sequence of sequences) {
    const { promptIds, draft, sharedTokens } = sequence;
    const key = `${promptIds.join()};${draft.join()};${sharedTokens}`;
    const group = groups.get(key);
    if (group) group.push(sequence);
    else groups.set(key, [sequence]);
  }
  const texts = [...groups.values()].map((group) => textOf(group, prefixLength(group[0])));
  const [whole, prefixed] = [texts.filter(({ prefix }) => !prefix), texts.filter(({ prefix }) => prefix)];
  return [whole, prefixed].flatMap(readTogether);
}

/** The prefixes of texts, each once, in lists that are read together. Their own `prefix` is what they are kept as. */
export function prefixReadings(texts: readonly Text[]): Reading[][] {
  const prefixes = new Map<string, Text>();
  for (const { ids, prefix } of texts) {
    if (!prefix) continue;
    const own = ids.slice(0, prefix.length);
    // No token is drawn after any of it.
    const promptLength = prefix.length + 1;
    const pieces = piecesOf(0, prefix.length);
    prefixes.set(prefix.key, { ids: own, promptLength, prefix, pieces, sequences: [], following: [], hidden: [] });
  }
  return readTogether([...prefixes.values()]);
}

function readTogether(texts: readonly Text[]): Reading[][] {
  numberPieces(texts);
  return packed(texts).map(readings);
}

function textOf(group: Sequence[], prefixLength: number): Text {
  const { promptIds, draft, sharedTokens } = group[0];
  const ids = draft.length === 0 ? promptIds : [...promptIds, ...draft];
  // A token is drawn after the last one of the prompt, so every text reads that one itself.
  const shared = Math.min(sharedTokens, promptIds.length - 1);
  const common = { ids, promptLength: promptIds.length, sequences: group, following: group, hidden: [] };
  if (prefixLength === 0) return { ...common, pieces: [...piecesOf(0, shared), ...piecesOf(shared, ids.length)] };
  const prefix = { key: prefixKey(ids, prefixLength), length: prefixLength };
  return { ...common, prefix, pieces: piecesOf(prefixLength, ids.length) };
}

function piecesOf(start: number, end: number): Piece[] {
  const pieces: Piece[] = [];
  for (let at = start; at < end; at += PIECE_TOKENS) {
    pieces.push({ start: at, end: Math.min(end, at + PIECE_TOKENS), number: 0 });
  }
  return pieces;
}

function numberPieces(texts: readonly Text[]): void {
  const numbers = new Map<string, number>();
  for (const { ids, promptLength, prefix, pieces } of texts) {
    let before = prefix && pieces[0].start > 0 ? prefix.key : '';
    for (const piece of pieces) {
      const { start, end } = piece;
      const isShareable = end < promptLength;
      const key = isShareable ? `${before};${ids.slice(start, end).join()}` : '';
      piece.number = (isShareable && numbers.get(key)) || numbers.size + 1;
      numbers.set(isShareable ? key : `own ${piece.number}`, piece.number);
      before = `${piece.number}`;
    }
  }
}

/**
 * Lists of texts with at most RUN_TOKENS in each run, and where there are enough of them, with one padded length. Texts
 * that share a piece are neighbours, long ones come first.
 */
function packed(texts: readonly Text[]): Text[][] {
  const longest = new Map<number, number>();
  for (const { ids, pieces } of texts) {
    longest.set(pieces[0].number, Math.max(ids.length, longest.get(pieces[0].number) ?? 0));
  }
  const order = [...texts].sort(
    (a, b) =>
      (longest.get(b.pieces[0].number) as number) - (longest.get(a.pieces[0].number) as number) ||
      a.pieces[0].number - b.pieces[0].number ||
      b.ids.length - a.ids.length,
  );
  const lists: Text[][] = [];
  let runs: Run[] = [];
  for (const text of order) {
    const grown = text.pieces.map(
      ({ start, end, number }, index): Run => ({
        length: Math.max(padded(end - start), runs[index]?.length ?? 0),
        numbers: new Set([...(runs[index]?.numbers ?? []), number]),
      }),
    );
    const fits = grown.every(({ length, numbers }) => length * numbers.size <= RUN_TOKENS);
    const belongs = runs.length > 0 && (runs[0].numbers.has(text.pieces[0].number) || !isShorter(text, runs));
    if (fits && belongs) {
      lists[lists.length - 1].push(text);
      runs = [...grown, ...runs.slice(grown.length)];
    } else {
      lists.push([text]);
      runs = text.pieces.map(({ start, end, number }) => ({ length: padded(end - start), numbers: new Set([number]) }));
    }
  }
  return lists;
}

/** Whether a run of enough tokens would have to pad `text`. */
function isShorter({ pieces: [{ start, end }] }: Text, [{ length, numbers }]: readonly Run[]): boolean {
  return padded(end - start) < length && length * numbers.size >= ENOUGH_TOKENS;
}

/**
 * Who reads what: the first of the texts that have a piece in common reads it. Readers of earlier pieces come first, so
 * that those that read a piece are always the first ones, and of these the longest.
 */
function readings(texts: readonly Text[]): Reading[] {
  const readers = new Map<number, Text>();
  const list = texts.map((text): Reading => {
    for (const { number } of text.pieces) if (!readers.has(number)) readers.set(number, text);
    const firstOwn = text.pieces.findIndex(({ number }) => readers.get(number) === text);
    return { text, firstOwn, source: firstOwn > 0 ? readers.get(text.pieces[firstOwn - 1].number) : undefined };
  });
  return list.sort((a, b) => a.firstOwn - b.firstOwn || b.text.ids.length - a.text.ids.length);
}

/** Number of tokens that a piece of `tokens` takes in a run. */
export function padded(tokens: number): number {
  return Math.ceil(tokens / PADDING_STEP) * PADDING_STEP;
}

/** Every place of `texts` after which a token may be drawn, the first places of all texts first. */
export function placesOf(texts: readonly Text[]): Place[] {
  return texts
    .flatMap((text) => text.hidden.map((_, place): Place => ({ text, place })))
    .sort((a, b) => a.place - b.place);
}
