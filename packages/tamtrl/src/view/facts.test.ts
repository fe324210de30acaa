import { describe, expect, it } from 'vitest';
import { answerWords, lostWords, missedWords } from './facts.js';

describe('words of the gold answers', () => {
  it('leave out what is too common, unless there is nothing else', () => {
    expect(answerWords(['The Bank of Oslo', 'OSLO'])).toEqual(['bank', 'oslo']);
    expect(answerWords(['yes'])).toEqual(['yes']);
    expect(answerWords([])).toEqual([]);
  });

  it('are lost at the turn whose memory no longer has them, and again if they come back', () => {
    const memories = ['anna Oslo', 'anna oslo, ben rome', 'ben rome', 'oslo', ''];
    expect(lostWords(['oslo', 'rome'], memories)).toEqual([
      { turn: 3, words: ['oslo'] },
      { turn: 4, words: ['rome'] },
      { turn: 5, words: ['oslo'] },
    ]);
  });

  it('are whole words', () => {
    expect(lostWords(['oslo'], ['in Oslo', 'in Oslofjord'])).toEqual([{ turn: 2, words: ['oslo'] }]);
  });

  it('are missed where the relevant text has them and no memory does', () => {
    expect(missedWords(['oslo rome'], ['', 'rome', 'rome'], ['anna oslo', 'ben rome', 'oslo'])).toEqual([
      { turn: 1, words: ['oslo'] },
      { turn: 3, words: ['oslo'] },
    ]);
    // What was known before and is gone is lost, not missed.
    expect(missedWords(['oslo'], ['oslo', ''], ['oslo', 'oslo'])).toEqual([]);
  });
});
