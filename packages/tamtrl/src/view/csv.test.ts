import fc from 'fast-check';
import { expect, it } from 'vitest';
import { csv } from '../report/comparison.js';
import { parseCsv } from './csv.js';

it('reads what a comparison writes', () => {
  expect(parseCsv('a,"b, ""c"""\r\n1,"two\nlines"\r\n')).toEqual([
    ['a', 'b, "c"'],
    ['1', 'two\nlines'],
  ]);
  expect(parseCsv('a,\nlast,line')).toEqual([
    ['a', ''],
    ['last', 'line'],
  ]);
  expect(parseCsv('')).toEqual([]);
});

it('reads every table back', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', 'ü') });
  fc.assert(
    fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { maxLength: 4 }), (rows) => {
      expect(parseCsv(csv(rows))).toEqual(rows);
    }),
  );
});
