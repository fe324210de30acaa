/** The filtered chunk: exactly the marked text that lies in the chunk. */

import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkDocuments } from './chunks.js';
import { type Document, plainRenderer } from './documents.js';
import { type DocumentRange, filterChunk, mergeRanges } from './filter.js';
import { loadTokenizer } from './hugging-face-tokenizer.js';

const bpe = await loadTokenizer(fileURLToPath(new URL('../../fixtures/tokenizers/bpe', import.meta.url)));
const documents: Document[] = [
  { title: 'Oslo', text: 'Oslo is a city. It lies in Norway. It rains.' },
  { title: 'Rome', text: 'Rome is old. Very old.' },
  { title: 'Bern', text: 'Bern has bears.' },
];
const whole = (document: number): DocumentRange => ({ document, start: 0, end: documents[document].text.length });
const stretch = (document: number, text: string): DocumentRange => {
  const start = documents[document].text.indexOf(text);
  return { document, start, end: start + text.length };
};
const [chunk] = chunkDocuments(documents, bpe, { chunkTokens: 1000 }).chunks;

describe('filterChunk', () => {
  it('keeps marked documents with their headings', () => {
    expect(filterChunk(chunk, [whole(0), whole(2)])).toBe(
      'Document 1: Oslo\nOslo is a city. It lies in Norway. It rains.\nDocument 3: Bern\nBern has bears.',
    );
    expect(filterChunk(chunk, [whole(2)], { heading: 'never' })).toBe('Bern has bears.');
  });

  it('keeps marked sentences; a gap is one space, white space between marks stays', () => {
    const ends = [stretch(0, 'Oslo is a city.'), stretch(0, 'It rains.')];
    expect(filterChunk(chunk, ends, { heading: 'never' })).toBe('Oslo is a city. It rains.');
    expect(filterChunk(chunk, ends, { heading: 'never', gap: ' … ' })).toBe('Oslo is a city. … It rains.');
    const both = [stretch(0, 'It lies in Norway.'), stretch(0, 'Oslo is a city.')];
    expect(filterChunk(chunk, both, { heading: 'never', gap: ' … ' })).toBe('Oslo is a city. It lies in Norway.');
  });

  it('is empty if nothing is marked, or nothing of it lies here', () => {
    expect(filterChunk(chunk, [])).toBe('');
    expect(filterChunk(chunk, [{ document: 7, start: 0, end: 9 }])).toBe('');
    expect(filterChunk(chunk, [{ document: 0, start: 3, end: 3 }])).toBe('');
  });

  it('cuts a document at the chunk boundary, and repeats its heading only if configured', () => {
    const { chunks } = chunkDocuments(documents, bpe, { chunkTokens: 20 });
    const parts = chunks.map((part) => filterChunk(part, [whole(0)]));
    const second = parts.findIndex((part, index) => index > 0 && part !== '');
    expect(parts[0]).toMatch(/^Document 1: Oslo\nOslo/);
    expect(parts[second]).not.toContain('Document 1');
    expect(filterChunk(chunks[second], [whole(0)], { heading: { documents } })).toBe(
      `Document 1: Oslo\n${parts[second]}`,
    );
    expect(parts.at(-1)).toBe('');
  });

  it('keeps over all chunks every marked character once and nothing else', () => {
    const marked = fc.array(
      fc.record({
        document: fc.integer({ min: 0, max: 3 }),
        start: fc.integer({ min: 0, max: 60 }),
        length: fc.integer({ min: 0, max: 50 }),
      }),
      { maxLength: 5 },
    );
    // Every character of the texts is different, so that it can be told from where it came.
    const texts = [0, 1, 2, 3].map((document) =>
      Array.from({ length: 60 + document }, (_, at) => String.fromCodePoint(0x4e00 + document * 100 + at)).join(''),
    );
    const sources = texts.map((text) => ({ text }));
    fc.assert(
      fc.property(marked, fc.integer({ min: 6, max: 90 }), (some, chunkTokens) => {
        const marks = some.map(({ document, start, length }) => ({ document, start, end: start + length }));
        const { chunks } = chunkDocuments(sources, bpe, { chunkTokens, renderer: plainRenderer });
        for (const part of chunks) {
          const expected = [...part.text].filter((character) => {
            const code = character.codePointAt(0)! - 0x4e00;
            const document = Math.floor(code / 100);
            return marks.some(
              (mark) => mark.document === document && code % 100 >= mark.start && code % 100 < mark.end,
            );
          });
          expect(filterChunk(part, marks, { gap: '' }).replaceAll('\n', '')).toBe(expected.join(''));
        }
      }),
    );
  });
});

describe('mergeRanges', () => {
  it('sorts, joins adjacent spans, drops empty ones', () => {
    const ranges = [
      { document: 1, start: 5, end: 9 },
      { document: 0, start: 4, end: 6 },
      { document: 1, start: 0, end: 5 },
      { document: 0, start: 0, end: 2 },
      { document: 0, start: 1, end: 3 },
      { document: 2, start: 4, end: 4 },
    ];
    expect(mergeRanges(ranges)).toEqual([
      { document: 0, start: 0, end: 3 },
      { document: 0, start: 4, end: 6 },
      { document: 1, start: 0, end: 9 },
    ]);
  });
});
