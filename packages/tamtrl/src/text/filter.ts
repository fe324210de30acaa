/** The filtered chunk C_t: what is left of a chunk when everything that is not marked relevant is taken out. */
import type { Chunk } from './chunks.js';
import { type Document, type DocumentRenderer, numberedRenderer } from './documents.js';
import type { TextRange } from './sentences.js';

/** A stretch of a document's text, in UTF-16 code units of that text. */
export interface DocumentRange extends TextRange {
  document: number;
}

export interface FilterOptions {
  /**
   * Heading of a document of which something is kept: `inside` (default) as much of it as lies in this chunk; `never`;
   * or, with the documents and the renderer given, always the whole heading.
   */
  heading?: 'inside' | 'never' | { documents: readonly Document[]; renderer?: DocumentRenderer };
  /** Stands where text between two kept stretches of a document was taken out; default: one space. */
  gap?: string;
}

/**
 * The marked text of a chunk, cut exactly at the chunk's ends; documents are separated by a line break. Empty if
 * nothing marked lies in the chunk. White space alone between two marks is kept as it is.
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

/** Sorted by document and place; ranges that overlap or touch become one; empty ones go. */
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
