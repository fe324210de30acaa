/** Any answer or all of them, blank answers, answers that normalisation erases, scripts without spaces. */
import { describe, expect, it } from 'vitest';
import { METRICS, type Metric, metricOf, type Reference } from '../../data/metrics.js';
import { outcomeReward, scoreAnswer } from '../outcome.js';

const values = ['4051927', '8123456', '1000001', '7654321'];
const all = { answers: values, answersWanted: 'all' as const };
const any = { answers: values, answersWanted: 'any' as const };

/** Metrics that a list of numbers can be scored by: without labels and forms of their own. */
const OF_LISTS = METRICS.filter((metric) => !/babilong|classification|retrieval/.test(metric));

describe('answers that are all wanted', () => {
  it.each(OF_LISTS)('%s: one of four is less than all four', (metric) => {
    const one = scoreAnswer(values[0], all, { metric });
    const four = scoreAnswer(values.join(', '), all, { metric });
    expect(four).toBeGreaterThan(one);
    expect(one).toBeLessThan(0.5);
    expect(four).toBeCloseTo(1, 7);
    expect(scoreAnswer([...values].reverse().join(' and '), all, { metric })).toBeCloseTo(1, 7);
  });

  it.each(OF_LISTS)('%s: where any is enough, one of four is as good as it gets', (metric) => {
    expect(scoreAnswer(values[2], any, { metric })).toBeCloseTo(1, 7);
  });

  it.each([
    ['8123456, 4051927, 7654321 and 1000001.', 1],
    ['- 8123456\n- 4051927\n- 7654321\n- 1000001', 1],
    ['8123456 4051927 7654321 1000001', 1],
    ['8123456;4051927/7654321|1000001', 1],
    ['8,123,456, 4,051,927, 7654321, 1000001', 1],
    ['8123456, 4051927, 7654321', 0],
    ['8123456, 4051927, 7654321, 1000001, 5', 0],
    ['8123456, 4051927, 7654321, 7654321', 0],
    ['', 0],
  ])('exact match of the list %j: %d', (said, expected) => {
    expect(scoreAnswer(said, all, { metric: 'exact_match' })).toBe(expected);
  });

  it('finds names of several words, commas and shared beginnings', () => {
    const names = { answers: ['New York', 'New York City', 'Paris, France'], answersWanted: 'all' as const };
    const metric = 'exact_match';
    expect(scoreAnswer('Paris, France; New York City and the New York', names, { metric })).toBe(1);
    expect(scoreAnswer('Paris, France and New York City', names, { metric })).toBe(0);
  });

  it('classes, paragraphs and numbers: naming all is better than naming one, and naming others is worse', () => {
    const labels = ['Food', 'Date', 'City'];
    const classes = { answers: ['Food', 'Date'], answersWanted: 'all' as const, labels };
    const scores = (reference: Reference, metric: Metric, ...said: string[]) =>
      said.map((each) => scoreAnswer(each, reference, { metric }));
    expect(scores(classes, 'longbench_classification', 'Date, Food', 'Date', 'Date, Food, City', '')).toEqual([
      1,
      0.5,
      2 / 3,
      0,
    ]);
    const paragraphs = { answers: ['Paragraph 3', 'Paragraph 12'], answersWanted: 'all' as const };
    expect(scores(paragraphs, 'longbench_retrieval', '12 and 3', 'Paragraph 3', '3, 4')).toEqual([1, 0.5, 0.25]);
  });

  it('F1 is over all words wanted, and "and" does not count', () => {
    expect(scoreAnswer(values[1], all, { metric: 'f1' })).toBeCloseTo(0.4, 12);
    expect(scoreAnswer(`${values[1]} and ${values[0]}`, all, { metric: 'f1' })).toBeCloseTo(2 / 3, 12);
  });

  it('is a share by RULER, and without the field RULER goes by its own names', () => {
    const said = `They are ${values[0]} and ${values[1]}`;
    expect(outcomeReward(said, all, { metric: 'string_match_all' })).toBe(0.5);
    expect(outcomeReward(said, all, { metric: 'string_match_part' })).toBe(0.5);
    expect(outcomeReward(said, any, { metric: 'string_match_all' })).toBe(1);
    expect(outcomeReward(said, values, { metric: 'string_match_all' })).toBe(0.5);
    expect(outcomeReward(said, values, { metric: 'string_match_part' })).toBe(1);
  });
});

describe('blank gold answers', () => {
  it.each(OF_LISTS)('%s: no output matches them', (metric) => {
    for (const said of ['', ' ', 'Paris']) {
      for (const answers of [[''], [' ', '\n'], []]) expect(scoreAnswer(said, answers, { metric })).toBe(0);
      expect(scoreAnswer('12', ['', '12'], { metric })).toBeCloseTo(1, 7);
    }
  });

  it('leaves MemAgent its own rule: every gold answer contains an empty answer', () => {
    expect(scoreAnswer('', ['Paris'], { metric: 'memagent_sub_em' })).toBe(1);
    for (const metric of METRICS) {
      if (/memagent|babilong|classification|retrieval/.test(metric)) continue;
      expect(scoreAnswer('', ['Paris'], { metric })).toBe(0);
    }
  });
});

describe('gold answers that normalisation erases', () => {
  const metrics: Metric[] = ['exact_match', 'f1', 'sub_exact_match'];
  it.each(['A', 'The', 'an', '?', '...'])('%j is right when it is said, and nothing else is', (gold) => {
    for (const metric of metrics) {
      expect(scoreAnswer(gold, [gold], { metric })).toBe(1);
      expect(scoreAnswer(gold.toLowerCase(), [gold], { metric })).toBe(1);
      for (const other of ['', 'Paris', 'a the', '!']) {
        if (metric === 'exact_match') expect(scoreAnswer(other, [gold], { metric })).toBe(0);
      }
      expect(scoreAnswer('', [gold], { metric })).toBe(0);
    }
  });

  it('takes "A." for "A" and finds it among other words', () => {
    expect(scoreAnswer('A.', ['A'])).toBe(1);
    expect(scoreAnswer('It is A.', ['A'], { metric: 'sub_exact_match' })).toBe(1);
    expect(scoreAnswer('It is B.', ['A'], { metric: 'sub_exact_match' })).toBe(0);
  });
});

describe('scripts without spaces', () => {
  it('are scored by characters, without their punctuation', () => {
    expect(scoreAnswer('東京都。', ['東京都'])).toBe(0);
    expect(scoreAnswer('東京都。', ['東京都'], { metric: 'char_exact_match' })).toBe(1);
    expect(scoreAnswer('東京都。', ['東京都'], { metric: 'char_f1' })).toBe(1);
    expect(scoreAnswer('東京', ['東京都'], { metric: 'char_f1' })).toBeCloseTo(0.8, 12);
    expect(scoreAnswer('กรุงเทพ', ['กรุงเทพฯ'], { metric: 'char_f1' })).toBeGreaterThan(0.9);
    expect(scoreAnswer('1998年 in Oslo', ['1998 年，Oslo'], { metric: 'char_f1' })).toBeCloseTo(6 / 7, 12);
    expect(scoreAnswer('会议通过了预算。', ['会议通过预算'], { metric: 'char_rouge_l' })).toBeCloseTo(12 / 13, 7);
  });
});

it('a record names its metric, else its source does', () => {
  expect(metricOf({})).toBe('exact_match');
  expect(metricOf({ metric: 'f1', source: 'babilong/qa1' })).toBe('f1');
  const metricsOf = (...sources: string[]) => sources.map((source) => metricOf({ source }));
  expect(metricsOf('babilong/qa1', 'babilong/qa1/4k')).toEqual(['babilong', 'babilong']);
  expect(metricsOf('ruler/niah_multivalue', 'ruler/cwe', 'ruler/qa_1')).toEqual([
    'string_match_all',
    'string_match_all',
    'string_match_part',
  ]);
  expect(metricsOf('longbench/trec_e', 'longbench/qmsum', 'longbench/lcc')).toEqual([
    'longbench_classification',
    'longbench_rouge_l',
    'exact_match',
  ]);
});

it('the task chooses the metric if the source names only the benchmark', () => {
  expect(metricOf({ source: 'longbench', task: 'passage_count' })).toBe('longbench_count');
});
