/** The filtered chunk C_t: the text of a chunk that is marked relevant, without the rest. */
import type { Chunk } from './chunks.js';
import { type Document, type DocumentRenderer, numberedRenderer } from './documents.js';
import type { TextRange } from './sentences.js';

/** A span of a document's text, in UTF-16 code units of that text. */
export interface DocumentRange extends TextRange {
  document: number;
}

export interface FilterOptions {
  /**
   * Whether to keep the heading of a document of which text is kept: `inside` (default) keeps the part in this chunk,
   * `never` none of it. With the documents and the renderer given, the whole heading is always kept.
   */
  heading?: 'inside' | 'never' | { documents: readonly Document[]; renderer?: DocumentRenderer };
  /** Replaces the text that was removed between two kept spans of a document; default: one space. */
  gap?: string;
}

/**
 * The marked text of a chunk, cut exactly at the chunk's ends. A line break separates documents. The result is empty if
 * the chunk holds no marked text. White space alone between two marks is kept.
 */
export function filterChunk(chunk: Chunk, marks: readonly DocumentRange[], options: FilterOptions = {}): string {
  const byDocument = new Map<number, TextRange[]>();
  for (const mark of mergeRanges(marks)) {
    const ranges = byDocument.get(mark.document);
    if (ranges) ranges.push(mark);
    else byDocument.set(mark.document, [mark]);
  }
  const kept: string[] = [];
  let heading = '';
  for (const piece of chunk.pieces) {
    const text = chunk.text.slice(piece.start - chunk.start, piece.end - chunk.start);
    if (piece.part === 'heading') heading = text;
    if (piece.part !== 'text') continue;
    const body = keepRanges(text, piece.documentStart, byDocument.get(piece.document) ?? [], options.gap ?? ' ');
    if (body.trim() !== '') kept.push(headingOf(piece.document, heading, options) + body.trimEnd());
    heading = '';
  }
  return kept.join('\n');
}

/** Where the marked text of a chunk lies in the chunk's own text, in order. */
export function relevantRanges(chunk: Pick<Chunk, 'pieces' | 'start'>, marks: readonly DocumentRange[]): TextRange[] {
  const merged = mergeRanges(marks);
  return chunk.pieces.flatMap(({ part, document, start, documentStart, documentEnd }) => {
    if (part !== 'text') return [];
    return merged.flatMap((mark): TextRange[] => {
      const from = Math.max(mark.start, documentStart);
      const to = Math.min(mark.end, documentEnd);
      if (mark.document !== document || from >= to) return [];
      const offset = start - chunk.start - documentStart;
      return [{ start: from + offset, end: to + offset }];
    });
  });
}

/** The parts of `text`, which starts at `offset` of its document, that lie in the ranges (sorted, not overlapping). */
function keepRanges(text: string, offset: number, ranges: readonly TextRange[], gap: string): string {
  let result = '';
  let last: number | undefined;
  for (const range of ranges) {
    const start = Math.max(0, range.start - offset);
    const end = Math.min(text.length, range.end - offset);
    if (start >= end) continue;
    if (last !== undefined) {
      const between = text.slice(last, start);
      result += between.trim() === '' ? between : gap;
    }
    result += text.slice(start, end);
    last = end;
  }
  return result;
}

function headingOf(document: number, inside: string, options: FilterOptions): string {
  const { heading = 'inside' } = options;
  if (heading === 'never') return '';
  if (heading === 'inside') return inside;
  return (heading.renderer ?? numberedRenderer).heading(heading.documents[document], document);
}

/** Sorts ranges by document and place, merges ranges that overlap or touch, and drops empty ones. */
export function mergeRanges(ranges: readonly DocumentRange[]): DocumentRange[] {
  const sorted = ranges
    .filter((range) => range.end > range.start)
    .sort((a, b) => a.document - b.document || a.start - b.start);
  const merged: DocumentRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last && last.document === range.document && range.start <= last.end) last.end = Math.max(last.end, range.end);
    else merged.push({ document: range.document, start: range.start, end: range.end });
  }
  return merged;
}
