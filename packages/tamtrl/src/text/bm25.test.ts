import { describe, expect, it } from 'vitest';
import { bm25, bm25OfCounts, countedText, searchTermsOf, wordsOf } from './bm25.js';

describe('BM25', () => {
  it('gives the scores worked out by hand', () => {
    // Two texts of 2 and 4 words, mean 3. "horse" is in one of two: idf = ln(1 + 1.5 / 1.5) = ln 2. Once in the first:
    // ln 2 x 2.2 / (1 + 1.2 x (0.25 + 0.75 x 2 / 3)).
    const [first, second] = bm25(new Set(['horse']), [wordsOf('A horse'), wordsOf('Ships and more ships')]);
    expect(first).toBeCloseTo((Math.log(2) * 2.2) / (1 + 1.2 * 0.75), 12);
    expect(second).toBe(0);
  });

  it('gives the same for texts that have been counted', () => {
    const query = new Set(['horse', 'sold']);
    const texts = ['Anna sold a horse', 'a horse, a horse', 'nothing'].map(wordsOf);
    expect(bm25OfCounts(texts.map((words) => countedText(query, words)))).toEqual(bm25(query, texts));
  });
});

it('terms are words, and pairs of characters where no spaces divide words', () => {
  expect(searchTermsOf('Who sold 3 horses?')).toEqual(['who', 'sold', '3', 'horses']);
  expect(searchTermsOf('船は出た。 凪')).toEqual(['船は', 'は出', '出た', '凪']);
});
