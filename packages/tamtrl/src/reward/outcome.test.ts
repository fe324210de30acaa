/** The metrics against values computed in Python from the published definitions. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rewardSchema } from './options.js';
import {
  exactMatch,
  extractionOf,
  normalizeMath,
  normalizeSquad,
  outcomeReward,
  rulerStringMatchAll,
  rulerStringMatchPart,
  scoreAnswer,
  subExactMatch,
  tokenF1,
} from './outcome.js';

interface Fixture {
  pairs: {
    prediction: string;
    gold: string;
    normalizedPrediction: string;
    exact: number;
    squadF1: number;
    squad2F1: number;
    hotpotF1: number;
    hotpotPrecision: number;
    hotpotRecall: number;
    rulerPart: number;
  }[];
  references: { prediction: string; references: string[]; all: number; part: number }[];
}
const fixture = JSON.parse(readFileSync(new URL('../../fixtures/metrics.json', import.meta.url), 'utf8')) as Fixture;

describe('the published definitions', () => {
  it('covers at least 220 pairs', () => {
    expect(fixture.pairs.length).toBeGreaterThanOrEqual(220);
  });

  it.each(fixture.pairs)('$prediction | $gold', (pair) => {
    const { prediction, gold } = pair;
    expect(normalizeSquad(prediction)).toBe(pair.normalizedPrediction);
    expect(exactMatch(prediction, gold)).toBe(pair.exact);
    expect(tokenF1(prediction, gold, 'squad').f1).toBeCloseTo(pair.squadF1, 12);
    expect(tokenF1(prediction, gold, 'squad-2').f1).toBeCloseTo(pair.squad2F1, 12);
    const hotpot = tokenF1(prediction, gold, 'hotpotqa');
    expect(hotpot.f1).toBeCloseTo(pair.hotpotF1, 12);
    expect(hotpot.precision).toBeCloseTo(pair.hotpotPrecision, 12);
    expect(hotpot.recall).toBeCloseTo(pair.hotpotRecall, 12);
    expect(rulerStringMatchPart(prediction, [gold])).toBe(pair.rulerPart);
  });

  it.each(fixture.references)('$prediction in $references', ({ prediction, references, all, part }) => {
    expect(rulerStringMatchAll(prediction, references)).toBeCloseTo(all, 12);
    expect(rulerStringMatchPart(prediction, references)).toBe(part);
  });

  it('F1 is symmetric and within [0, 1]; normalising keeps F1 of a text with itself at 1', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        const forward = tokenF1(a, b).f1;
        expect(forward).toBeCloseTo(tokenF1(b, a).f1, 12);
        expect(forward).toBeGreaterThanOrEqual(0);
        expect(forward).toBeLessThanOrEqual(1);
        expect(tokenF1(a, a).f1).toBe(1);
      }),
    );
  });
});

describe('subExactMatch', () => {
  it.each([
    ['He won the Nobel prize', 'no', 0],
    ['No, he did not', 'no', 1],
    ['Paris', 'Paris, France', 0],
    ['It is Paris, France.', 'the Paris France', 1],
    ['Parisian', 'Paris', 0],
    ['nono no', 'no', 1],
    ['caféno', 'no', 0],
    ['noé', 'no', 0],
    ['', '', 1],
    ['x', '', 0],
    ['price: 10 euro', '1', 0],
    ['「東京」です', '東京', 1],
  ])('%j holds %j: %d', (prediction, gold, expected) => {
    expect(subExactMatch(prediction, gold)).toBe(expected);
  });
});

describe('normalizeMath', () => {
  it.each([
    ['\\frac12', '\\frac{1}{2}'],
    ['\\dfrac{1}{2}', '\\frac{1}{2}'],
    ['\\tfrac1{2}', '\\frac{1}{2}'],
    ['0.5', '\\frac{1}{2}'],
    ['.5', '\\frac{1}{2}'],
    ['3/4', '\\frac{3}{4}'],
    ['x/y', 'x/y'],
    ['k = 5', '5'],
    ['abc = 5', 'abc=5'],
    ['\\sqrt3', '\\sqrt{3}'],
    ['90^\\circ', '90'],
    ['90^{\\circ}', '90'],
    ['10\\text{ cm}', '10'],
    ['\\$5', '5'],
    ['50\\%', '50'],
    ['\\left(1, 2\\right)', '(1,2)'],
    ['New York', 'newyork'],
    ['The Beatles.', 'thebeatles.'],
  ])('%j becomes %j', (text, expected) => {
    expect(normalizeMath(text)).toBe(expected);
  });

  it('keeps articles, unlike squad', () => {
    expect(exactMatch('The Beatles', 'Beatles', 'math')).toBe(0);
    expect(exactMatch('The Beatles', 'Beatles', 'squad')).toBe(1);
  });
});

describe('outcomeReward', () => {
  it('takes the best gold answer', () => {
    expect(outcomeReward('\\boxed{The Hague}', ['Amsterdam', 'hague'])).toBe(1);
    expect(outcomeReward('\\boxed{Rotterdam}', ['Amsterdam', 'hague'])).toBe(0);
    expect(outcomeReward('Paris', [])).toBe(0);
  });

  it('follows the metric asked for', () => {
    const output = '<think>hm</think>It is New York City';
    expect(outcomeReward(output, ['New York'], { metric: 'exact_match' })).toBe(0);
    expect(outcomeReward(output, ['New York'], { metric: 'sub_exact_match' })).toBe(1);
    expect(outcomeReward(output, ['New York'], { metric: 'f1' })).toBeCloseTo(4 / 7, 12);
    expect(outcomeReward(output, ['york', 'boston'], { metric: 'string_match_all' })).toBe(0.5);
    expect(outcomeReward(output, ['york', 'boston'], { metric: 'string_match_part' })).toBe(1);
  });

  it('does not drop thoughts from a metric itself', () => {
    expect(scoreAnswer('</think> Paris', ['Paris'])).toBe(0);
    expect(outcomeReward('</think> Paris', ['Paris'], { extraction: false })).toBe(0);
    expect(outcomeReward('</think> Paris', ['Paris'])).toBe(1);
  });

  it.each([
    // [extraction of the configuration, output, right]
    [undefined, '\\boxed{Paris}', 1],
    [undefined, 'Paris', 1],
    [{ requireBox: true }, 'Paris', 0],
    [{ requireBox: true }, '\\boxed{Paris}', 1],
    [{ tail: 20 }, `\\boxed{Paris}${' so it is'.repeat(9)}`, 0],
    [{ tail: 300 }, `\\boxed{Paris}${' so it is'.repeat(9)}`, 1],
    [{ boxed: false }, '\\boxed{Paris}', 0],
    [{ unwrapText: false }, '\\boxed{\\text{Paris}}', 0],
    [undefined, '\\boxed{\\text{Paris}}', 1],
  ])('finds answers as reward.outcome.extraction says: %j in %j', (extraction, output, right) => {
    const outcome = rewardSchema.parse({ outcome: { extraction } }).outcome;
    const found = extractionOf({ boxed: true }, outcome.extraction);
    expect(outcomeReward(output, ['Paris'], { ...outcome, extraction: found })).toBe(right);
  });

  it('looks for no box where the prompts ask for none, unless told to', () => {
    expect(extractionOf({ boxed: false }, undefined)).toEqual({ boxed: false });
    expect(extractionOf({ boxed: false }, { boxed: true, tail: 5 })).toEqual({ boxed: true, tail: 5 });
    expect(extractionOf({ boxed: true }, false)).toBe(false);
  });
});
