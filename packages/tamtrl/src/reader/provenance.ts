/** Finds where the pieces of a memory come from: the matching place in the chunk that was read when they appeared. */
import { count } from '../base/format.js';
import { given } from '../base/objects.js';
import { splitSentences } from '../text/sentences.js';
import type { MemoryPiece, PieceSource } from './state.js';

export interface ReadChunk {
  index: number;
  text: string;
  /** Offset of `text` in the whole text. */
  start: number;
  /** The name of what lies between two offsets in the whole text. */
  placeOf?: (start: number, end: number) => string | undefined;
}

interface Word {
  text: string;
  start: number;
  end: number;
}

/** Share of a piece's words that must be close together for the match to be called similar. */
const SIMILAR = 0.6;
/** The span in which they must occur, in lengths of the piece. */
const STRETCH = 2;

function wordsOf(text: string): Word[] {
  return [...text.matchAll(/[\p{L}\p{M}\p{N}]+/gu)].map((match) => ({
    text: match[0].toLowerCase(),
    start: match.index,
    end: match.index + match[0].length,
  }));
}

const plain = (text: string) =>
  wordsOf(text)
    .map((word) => word.text)
    .join(' ');

/**
 * Sentences and lines of a memory with their sources. A piece of the previous memory keeps its source. A new piece is
 * searched for in the chunk, then among the previous pieces, because it may be an old one in different words.
 */
export function piecesOf(memory: string, before: readonly MemoryPiece[], chunk: ReadChunk | undefined): MemoryPiece[] {
  const known = new Map(before.map((piece) => [plain(piece.text), piece]));
  const chunkWords = chunk && wordsOf(chunk.text);
  return splitSentences(memory).flatMap(({ start, end }): MemoryPiece[] => {
    const text = memory.slice(start, end);
    const key = plain(text);
    if (key === '') return [];
    const source =
      known.get(key)?.source ?? (chunk && chunkWords && sourceIn(text, chunk, chunkWords)) ?? inherited(text, before);
    if (source) return [{ text, source }];
    const written = known.has(key) ? known.get(key)?.written : chunk && placed(chunk, 0, chunk.text.length);
    return [{ text, ...given({ written }) }];
  });
}

/** A stretch of a chunk as one of the whole text. */
function placed({ index, start: offset, placeOf }: ReadChunk, from: number, to: number) {
  const [start, end] = [offset + from, offset + to];
  return { chunk: index, start, end, ...given({ place: placeOf?.(start, end) }) };
}

function sourceIn(piece: string, chunk: ReadChunk, words: readonly Word[]): PieceSource | undefined {
  const place = (from: number, to: number, match: PieceSource['match']): PieceSource => ({
    ...placed(chunk, from, to),
    match,
  });
  // The memory may add list marks, which are not in the text.
  const bare = piece.replace(/^(?:[-*•]|\d+[.)])\s+/, '').trim();
  const at = chunk.text.indexOf(bare);
  if (at >= 0 && bare !== '') return place(at, at + bare.length, 'exact');
  const wanted = wordsOf(bare).map((word) => word.text);
  if (wanted.length === 0) return undefined;
  const same = findSequence(words, wanted);
  if (same) return place(...same, 'words');
  // A word or two occur anywhere, so they prove no source.
  if (wanted.length < 3) return undefined;
  const near = findSimilar(words, new Set(wanted), Math.ceil(STRETCH * wanted.length));
  return near && place(...near, 'similar');
}

function findSequence(words: readonly Word[], wanted: readonly string[]): [number, number] | undefined {
  for (let from = 0; from + wanted.length <= words.length; from++) {
    if (wanted.every((text, at) => words[from + at].text === text)) {
      return [words[from].start, words[from + wanted.length - 1].end];
    }
  }
  return undefined;
}

/** The span of at most `length` words that contains the most distinct wanted words, if there are enough of them. */
function findSimilar(
  words: readonly Word[],
  wanted: ReadonlySet<string>,
  length: number,
): [number, number] | undefined {
  const counts = new Map<string, number>();
  let best = { share: 0, from: 0, to: 0 };
  for (let to = 0; to < words.length; to++) {
    const added = words[to].text;
    if (wanted.has(added)) counts.set(added, (counts.get(added) ?? 0) + 1);
    if (to >= length) {
      const gone = words[to - length].text;
      const left = (counts.get(gone) ?? 0) - 1;
      if (left > 0) counts.set(gone, left);
      else counts.delete(gone);
    }
    const share = counts.size / wanted.size;
    if (share > best.share) best = { share, from: Math.max(0, to - length + 1), to };
  }
  if (best.share < SIMILAR) return undefined;
  // Shorten the span: drop words at its ends that do not count or that occur again inside it.
  let { from, to } = best;
  const idle = (at: number) =>
    !wanted.has(words[at].text) || words.slice(from, to + 1).filter(({ text }) => text === words[at].text).length > 1;
  while (idle(from)) from++;
  while (idle(to)) to--;
  return [words[from].start, words[to].end];
}

/** The source of the previous piece that shares the most words, if there are enough of them. */
function inherited(text: string, before: readonly MemoryPiece[]): PieceSource | undefined {
  const wanted = new Set(wordsOf(text).map((word) => word.text));
  let best: { share: number; source?: PieceSource } = { share: 0 };
  for (const piece of before) {
    const words = new Set(wordsOf(piece.text).map((word) => word.text));
    const common = [...wanted].filter((word) => words.has(word)).length;
    const share = common / Math.max(1, wanted.size);
    if (share > best.share) best = { share, source: piece.source };
  }
  return best.share >= SIMILAR ? best.source : undefined;
}

/** A piece of a memory and where it comes from, for people. */
export function pieceText({ text, source, written }: MemoryPiece): string {
  if (source) return `${text}  [${rangeText(source)}, ${source.match}]`;
  // A note in the model's own words is not wrong for that; this is where to look.
  const found = written
    ? `not in these words in the text; written after ${rangeText(written)}`
    : 'not found in the text';
  return `${text}  [${found}]`;
}

function rangeText({ place, start, end }: Omit<PieceSource, 'match'>): string {
  return `${place === undefined ? '' : `${place}, `}characters ${count(start)} to ${count(end)}`;
}
