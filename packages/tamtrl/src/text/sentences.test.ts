/** Sentence offsets on cases that plain splitting gets wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitSentences } from './sentences.js';

const sentences = (text: string) => splitSentences(text).map(({ start, end }) => text.slice(start, end));

describe('splitSentences', () => {
  it.each<[string, string[]]>([
    ['One. Two? Three!', ['One.', 'Two?', 'Three!']],
    ['Dr. Smith met J. R. R. Tolkien. They spoke.', ['Dr. Smith met J. R. R. Tolkien.', 'They spoke.']],
    ['He said "Go." She went.', ['He said "Go."', 'She went.']],
    ['It cost 3.5 million. Then 4.', ['It cost 3.5 million.', 'Then 4.']],
    ['A title\nA line. Another\n\n  end ', ['A title', 'A line.', 'Another', 'end']],
    ['東京は首都です。大阪は違う。', ['東京は首都です。', '大阪は違う。']],
    ['', []],
    [' \n ', []],
  ])('%j', (text, expected) => {
    expect(sentences(text)).toEqual(expected);
  });

  it('covers everything but white space, in order, once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('Mr. A', 'b. ', 'C! ', '\n', ' ', '😀 x. ', 'word ', '。'), { maxLength: 40 }),
        (parts) => {
          const text = parts.join('');
          let at = 0;
          for (const { start, end } of splitSentences(text)) {
            expect(text.slice(at, start).trim()).toBe('');
            expect(text.slice(start, end)).toBe(text.slice(start, end).trim());
            expect(end).toBeGreaterThan(start);
            at = end;
          }
          expect(text.slice(at).trim()).toBe('');
        },
      ),
    );
  });
});
