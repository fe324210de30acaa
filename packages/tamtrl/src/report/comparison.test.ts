import { describe, expect, it } from 'vitest';
import { type Cell, type Comparison, compared, costTable, csv, scoreTable } from './comparison.js';

const cell = (method: string, seed: number, scores: number[]): Cell => ({
  method,
  seed,
  benchmark: 'b',
  seconds: 1,
  tokens: 100,
  memoryTokens: 6,
  scores: new Map(scores.map((score, at) => [`r${at}`, score])),
});

const comparison: Comparison = {
  methods: ['base', 'better', 'fixed', 'absent'],
  benchmarks: ['b', 'c'],
  seeds: [1, 2],
  baseline: 'base',
  cells: [
    cell('base', 1, [0, 0, 1, 0]),
    cell('base', 2, [0, 1, 1, 0]),
    cell('better', 1, [1, 1, 1, 0]),
    cell('better', 2, [1, 1, 1, 0]),
    cell('fixed', 1, [0, 0, 0, 0]),
  ],
  training: [
    {
      method: 'better',
      seed: 1,
      seconds: { rollout: 2, train: 3 },
      tokens: { prompt: 4000, trained: 1000 },
      memoryTokens: 7,
    },
    {
      method: 'better',
      seed: 2,
      seconds: { rollout: 4, train: 5 },
      tokens: { prompt: 6000, trained: 1000 },
      memoryTokens: 9,
    },
  ],
};

it('pairs by record, over the seeds that both have', () => {
  const better = compared(comparison, 'better', 'base', 'b')!;
  // Records: 1 - 0, 1 - 0.5, 1 - 1, 0 - 0.
  expect(better).toMatchObject({ mean: 0.375, pairs: 4 });
  // One seed against the mean of all.
  expect(compared(comparison, 'fixed', 'base', 'b')!.mean).toBeCloseTo(-0.375, 12);
  expect(compared(comparison, 'absent', 'base', 'b')).toBeUndefined();
  expect(compared(comparison, 'better', 'base', 'c')).toBeUndefined();
});

describe('tables', () => {
  const rows = scoreTable(comparison, comparison.methods, 'base');

  it('say mean and interval, difference and p, and what was not run', () => {
    expect(rows[0]).toEqual(['method', 'seeds', 'b', 'b: against base', 'c', 'c: against base']);
    // Seeds 25 and 50: t with one degree of freedom 12.706 x standard error 12.5.
    expect(rows[1].slice(0, 4)).toEqual(['base', '2', '37.5 ± 158.8', '']);
    expect(rows[2].slice(0, 3)).toEqual(['better', '2', '75.0 ± 0.0']);
    expect(rows[2][3]).toMatch(/^\+37\.5 \(\d+\.\d to \d+\.\d, p = 0\.\d{3}\)$/);
    expect(rows[3].slice(0, 3)).toEqual(['fixed', '1', '0.0']);
    expect(rows[4]).toEqual(['absent', 'not run', 'not run', 'not run', 'not run', 'not run']);
    expect(rows[1].slice(4)).toEqual(['not run', 'not run']);
  });

  it('add up time and tokens by phase', () => {
    const [head, , better, , absent] = costTable(comparison);
    const of = (name: string) => better[head.indexOf(name)];
    expect([of('rollout s'), of('train s'), of('training s')]).toEqual(['3.0', '4.0', '7.0']);
    expect([of('prompt kT'), of('training kT')]).toEqual(['5', '6']);
    expect([of('memory at the end of training'), of('answer tokens')]).toEqual(['8.0', '100']);
    expect(absent.slice(1, 6)).toEqual(['', '', '', '', '']);
    expect(absent.at(-1)).toBe('not run');
  });

  it('go to spreadsheets', () => {
    expect(
      csv([
        ['a', 'b, "c"'],
        ['1', '2'],
      ]),
    ).toBe('a,"b, ""c"""\r\n1,2\r\n');
  });
});
