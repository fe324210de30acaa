import { expect, it } from 'vitest';
import { miniTokenizer } from '../data/mini/tokenizer.js';
import { plainRenderer } from '../text/documents.js';
import { contextOf } from './contexts.js';

const tokenizer = miniTokenizer();
const facts = ['anna oslo', 'ben rome', 'emma quito', 'jack bern', 'dan linz'];
const record = {
  id: 'r',
  source: '',
  question: 'emma dan',
  answers: ['quito linz'],
  documents: facts.map((text) => ({ text })),
};
const shown = (kind: Parameters<typeof contextOf>[0], tokens: number) => {
  const { ids, length } = contextOf(kind, record, tokenizer, tokens, plainRenderer);
  expect(ids.length).toBeLessThanOrEqual(tokens);
  expect(length).toBe(10);
  return tokenizer.decode(ids);
};

it('keeps the head, the tail, or both ends', () => {
  expect(shown('truncate-head', 4)).toBe('anna oslo ben rome');
  expect(shown('truncate-tail', 4)).toBe('jack bern dan linz');
  expect(shown('truncate-middle', 4)).toBe('anna oslo dan linz');
  expect(shown('truncate-middle', 3)).toBe('anna oslo linz');
  for (const kind of ['truncate-head', 'truncate-tail', 'truncate-middle'] as const) {
    expect(shown(kind, 10)).toBe(facts.join(' '));
  }
});

it('finds the passages of the question, in the order of the text, and does not look at the answer', () => {
  expect(shown('bm25', 4)).toBe('emma quito dan linz');
  expect(shown('bm25', 3)).toBe('emma quito');
  const { ids } = contextOf('bm25', { ...record, question: 'nobody', answers: ['rome'] }, tokenizer, 2, plainRenderer);
  expect(tokenizer.decode(ids)).toBe('anna oslo');
});

it('cuts long documents into passages, and a passage that alone is too long', () => {
  const filler = Array.from({ length: 60 }, () => 'anna oslo ben rome jack bern.').join(' ');
  const long = { ...record, documents: [{ text: `${filler} emma quito dan linz. ${filler}` }] };
  const { ids } = contextOf('bm25', long, tokenizer, 400, plainRenderer);
  expect(tokenizer.decode(ids)).toContain('emma quito dan linz');
  expect(contextOf('bm25', long, tokenizer, 5, plainRenderer).ids).toHaveLength(5);
});
