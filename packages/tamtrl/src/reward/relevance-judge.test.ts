import { expect, it } from 'vitest';
import { judged } from '../data/relevance.js';
import { scriptedJudge } from '../policy/scripted.test-support.js';
import { parseRelevant, relevanceJudge } from './relevance-judge.js';

it('reads the last list of numbers, ranges too, and forgets thoughts and numbers that were not asked', () => {
  expect(parseRelevant('Relevant: 2, 5', 6)).toEqual([2, 5]);
  expect(parseRelevant('**Relevant:** 3-5 and 1.', 4)).toEqual([1, 3, 4]);
  expect(parseRelevant('relevant: none', 4)).toEqual([]);
  expect(parseRelevant('<think>Relevant: 1</think>\nRelevant: 2, 2, 9, 0', 4)).toEqual([2]);
  expect(parseRelevant('Sentence 2 matters.', 4)).toBeUndefined();
  expect(parseRelevant('Relevant: 7-3', 9)).toEqual([]);
  expect(parseRelevant('Relevant: 1-999999999', 3)).toEqual([1, 2, 3]);
});

const record = {
  id: 'r',
  source: 'test',
  question: 'Where was Ada born?',
  answers: ['London'],
  documents: [
    { title: 'Ada', text: 'Ada was born in London. She liked numbers.' },
    { title: 'Bob', text: 'Bob was born in Paris.' },
  ],
};

it('marks the sentences that the model names, with their places in the documents', async () => {
  const { policy, prompts } = scriptedJudge(10_000, () => 'Relevant: 1');
  expect(await judged(record, relevanceJudge(policy))).toEqual([{ document: 0, start: 0, end: 23 }]);
  expect(prompts).toHaveLength(1);
  expect(prompts[0]).toContain('Question: Where was Ada born?\nRight answer: London\n');
  expect(prompts[0]).toContain('1. Ada: Ada was born in London.\n2. Ada: She liked numbers.\n3. Bob: Bob');
});

it('asks in parts if the window is small, and never exceeds it', async () => {
  const sentences = ['a'.repeat(300), 'b'.repeat(300), 'c'.repeat(5000)];
  const window = 1000;
  const { policy, prompts } = scriptedJudge(window, (prompt) =>
    prompt.includes('bbb') ? 'Relevant: 1' : 'None of them.',
  );
  const verdicts = await relevanceJudge(policy)('q', ['x'], sentences);
  expect(verdicts).toEqual([false, true, false]);
  expect(prompts).toHaveLength(3);
  for (const prompt of prompts) expect(prompt.length + 256).toBeLessThanOrEqual(window);
});
