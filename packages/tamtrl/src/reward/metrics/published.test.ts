/** The metrics against what the published scripts and packages give; see fixtures/metrics/README.md. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Metric } from '../../data/metrics.js';
import { scoreAnswer } from '../outcome.js';

const fixture = (name: string) => readFileSync(new URL(`../../../fixtures/metrics/${name}`, import.meta.url), 'utf8');

const OF_PAIRS = ['hotpotqa_f1', 'memagent_sub_em', 'rouge_l', 'longbench_qa_f1', 'longbench_rouge_l'] as const;
type Pair = { prediction: string; gold: string } & Record<(typeof OF_PAIRS)[number], number>;
interface Case {
  prediction: string;
  gold: string;
  labels?: string[];
  score: number;
}
const published = JSON.parse(fixture('published.json')) as {
  pairs: Pair[];
  numbers: Case[];
  paragraphs: Case[];
  classes: Case[];
};

/** LongBench's scripts give 0 for a blank gold answer, and so does every metric here. */
const score = (metric: Metric, { prediction, gold, labels }: Omit<Case, 'score'>) =>
  scoreAnswer(prediction, { answers: [gold], labels }, { metric });

describe.each(OF_PAIRS)('%s', (metric) => {
  it.each(published.pairs)('$prediction | $gold', (pair) => {
    expect(score(metric, pair)).toBeCloseTo(pair[metric], 12);
  });
});

describe.each([
  ['longbench_count', published.numbers],
  ['longbench_retrieval', published.paragraphs],
  ['longbench_classification', published.classes],
] as const)('%s', (metric, cases) => {
  it.each(cases)('$prediction | $gold', (each) => {
    expect(score(metric, each)).toBeCloseTo(each.score, 12);
  });
});

interface BabilongCase {
  task: string;
  question: string;
  target: string;
  output: string;
  correct: boolean;
}
const babilong = fixture('babilong-sample.jsonl')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as BabilongCase);

describe('babilong', () => {
  it.each(babilong)('$task: $output for $target', ({ task, question, target, output, correct }) => {
    const said = scoreAnswer(output, { answers: [target], question, source: `babilong/${task}` });
    expect(said).toBe(correct ? 1 : 0);
  });

  it('takes the targets of qa8 as a list, and answers that are all wanted too', () => {
    const asked = { question: 'What is Mary carrying?', source: 'babilong/qa8/16k' };
    for (const reference of [
      { ...asked, answers: ['football,milk'] },
      { ...asked, answers: ['football', 'milk'], answersWanted: 'all' as const },
    ]) {
      expect(scoreAnswer('The milk and the football.', reference)).toBe(1);
      expect(scoreAnswer('The milk.', reference)).toBe(0);
      expect(scoreAnswer('milk, football, apple', reference)).toBe(0);
    }
  });

  it("uses the record's labels, and says what it needs", () => {
    const own = { answers: ['red'], question: 'Which?', labels: ['red', 'blue'] };
    expect(scoreAnswer('It is RED', own, { metric: 'babilong' })).toBe(1);
    expect(() => scoreAnswer('red', ['red'], { metric: 'babilong' })).toThrow(
      'The metric babilong needs the task ("task": "qa1", or "source": "babilong/qa1"), or "labels". Add it to the record',
    );
  });
});

it('LongBench scores only the first line when its script does', () => {
  const labels = ['City', 'State'];
  const trec = { answers: ['City'], labels, source: 'longbench/trec' };
  expect(scoreAnswer('\nCity\nState', trec)).toBe(1);
  expect(scoreAnswer('City\nState', { ...trec, source: 'longbench/trec_e' })).toBe(1);
  expect(scoreAnswer('City\nState', { answers: ['City'], labels }, { metric: 'longbench_classification' })).toBe(0.5);
  expect(scoreAnswer('Rome\nA city', { answers: ['rome'], source: 'longbench/triviaqa' })).toBe(1);
  expect(scoreAnswer('Rome\nIs', { answers: ['rome'], source: 'longbench/hotpotqa' })).toBeCloseTo(2 / 3, 12);
});
