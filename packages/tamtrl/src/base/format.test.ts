import { expect, it } from 'vitest';
import { alignedTable, duration, markdownTable, timeStamp } from './format.js';

it('durations and tables', () => {
  expect([0.44, 42.3, 185, 7800].map(duration)).toEqual(['0.4 s', '42 s', '3 min 5 s', '2 h 10 min']);
  expect([9.97, 59.7, 3599.7].map(duration)).toEqual(['10 s', '1 min 0 s', '1 h 0 min']);
  const rows = [
    ['', 'before'],
    ['F1', '0.4'],
  ];
  expect(alignedTable(rows)).toBe('    before\nF1     0.4\n');
  expect(markdownTable([...rows, ['a|b', '1']])).toBe('|  | before |\n| --- | --: |\n| F1 | 0.4 |\n| a\\|b | 1 |\n');
});

it('times in names of folders', () => {
  expect(timeStamp('2026-11-26T22:04:52.123Z')).toBe('20261126-220452');
});
