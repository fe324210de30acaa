import { expect, it } from 'vitest';
import type { Reading } from '../run/readings.js';
import { exampleText, selectionText, tellingExamples } from './examples.js';

const reading = (score: number, metric: Reading['metric'] = 'f1'): Reading => {
  const asked = { id: 'q', question: 'Who?', answers: ['Ada King'], turns: [] };
  return { ...asked, output: 'Ada', answer: 'Ada', right: score >= 1, score, metric };
};

it('the metric of the run says what training changed, and is next to each answer', () => {
  const readings = { before: [0.5, 0, 0.2].map((f1) => reading(f1)), after: [0.4, 0, 0.6].map((f1) => reading(f1)) };
  expect(tellingExamples(readings, 3)).toEqual([2, 0, 1]);
  expect(selectionText(readings)).toContain('(f1 23.3% before training, f1 33.3% after)');
  expect(exampleText(reading(0.4))).toContain('Answer    Ada  f1 40.0%, expected Ada King');
  expect(exampleText(reading(1))).toContain('Answer    Ada  right');
});

it('a memory of one token has one token', () => {
  const turn = { section: 'Hi.', memory: 'nothing', tokens: 1, cut: false };
  const text = exampleText({ ...reading(1), turns: [turn, { ...turn, tokens: 2, cut: true }] });
  expect(text).toContain('Memory 1   nothing  [1 token]');
  expect(text).toContain('Memory 2   nothing  [2 tokens, cut off]');
});

it('exact match is a count of right answers, in runs of earlier versions too', () => {
  const { score: _, metric: __, ...earlier } = reading(1);
  const readings = { before: [reading(0, 'exact_match')], after: [earlier] };
  expect(tellingExamples(readings, 1)).toEqual([0]);
  expect(selectionText(readings)).toContain('(0 right before training, 1 right after)');
  expect(exampleText(readings.before[0])).toContain('wrong, expected Ada King');
});
