import { expect, it } from 'vitest';
import { valuesText } from './comparison-facts.js';

it('names the methods of every value', () => {
  const values = new Map([
    ['12', ['untrained', 'bm25', 'bm25']],
    ['6', ['tamtrl']],
  ]);
  expect(valuesText(values)).toBe('12 for untrained and bm25, 6 for tamtrl');
});

it('names no methods of a value that many have', () => {
  const values = new Map([
    ['true', ['a', 'b', 'c', 'd', 'd']],
    ['false', ['no min-max']],
  ]);
  expect(valuesText(values)).toBe('false for no min-max, true for the others');
});
