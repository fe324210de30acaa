import { expect, it } from 'vitest';
import { failureOf, type RecordResult, summarize } from '../eval/results.js';
import { evaluationRows, failuresText } from './evaluation-summary.js';

const record = (id: string) => ({ id, source: '', question: 'Who?', answers: ['Me'], documents: [{ text: 'Me.' }] });
const failed = (id: string, error: string) => failureOf(record(id), error, 1);
const read = (id: string, length: number): RecordResult => {
  const { error: _, ...rest } = failed(id, '');
  return { ...rest, exact_match: 1, length, turns: 2, memory_tokens: 5, prompt_tokens: 900, sampled_tokens: 100 };
};

it('says how many records failed, and why most of them did', () => {
  expect(failuresText([read('a', 10)])).toBeUndefined();
  const none = [failed('a', 'too long by 3'), failed('b', 'too long by 8')];
  expect(failuresText(none)).toBe('All 2 records failed. The reason: too long by 3');
  expect(failuresText([...none, failed('c', 'no model'), read('d', 10)])).toBe(
    '3 of 4 records failed. The most common reason (2 records): too long by 3',
  );
});

it('has a row for all records, and one for each length where there are several', () => {
  const one = evaluationRows(summarize([read('a', 10)]), ['exact_match', 'babilong']);
  expect(one[0].slice(0, 5)).toEqual(['text tokens', 'records', 'failed', 'exact_match', 'babilong']);
  expect(one[1].slice(0, 3)).toEqual(['all', '1', '0']);
  expect(one[1].slice(4)).toEqual(['-', '10', '2.0', '5.0', '1,000', '1.00']);
  expect(one).toHaveLength(2);
  const several = evaluationRows(summarize([read('a', 10), read('b', 3000), failed('c', 'x')]));
  expect(several.map(([name, records, failures]) => [name, records, failures])).toEqual([
    ['text tokens', 'records', 'failed'],
    ['all', '3', '1'],
    ['0 to 1,023', '1', '0'],
    ['2,048 to 4,095', '1', '0'],
  ]);
});
