import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../base/random.js';
import { wilsonInterval } from '../eval/crossed.js';
import { type Cell, type Comparison, costTable, csv, entries, scoreTable } from './comparison.js';

const cell = (method: string, seed: number | undefined, scores: number[]): Cell => ({
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
  cells: [
    cell('base', 1, [0, 0, 1, 0]),
    cell('base', 2, [0, 1, 1, 0]),
    cell('better', 1, [1, 1, 1, 0]),
    cell('better', 2, [1, 1, 1, 0]),
    cell('fixed', undefined, [0, 0, 0, 0]),
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

const of = (methods: Comparison['cells'], method: string, against: string) => {
  const cells = { ...comparison, benchmarks: ['b'], cells: methods };
  return entries(cells, [method], against)[0];
};

describe('differences', () => {
  it('are paired by seed and record', () => {
    const { difference } = of(comparison.cells, 'better', 'base');
    // Seed 1: 1, 1, 0, 0; seed 2: 1, 0, 0, 0.
    expect(difference).toMatchObject({ estimate: { mean: 0.375, seeds: 2, records: 4 }, untested: '2 seeds: no p' });
    expect(difference).not.toHaveProperty('p');
    expect(of(comparison.cells, 'absent', 'base').difference).toBeUndefined();
    expect(entries(comparison, ['better'], 'base')[1]).toEqual({ method: 'better', benchmark: 'c' });
  });

  it('hold a method that is not trained against every seed of the other', () => {
    expect(of(comparison.cells, 'fixed', 'base').difference).toMatchObject({ estimate: { mean: -0.375, seeds: 2 } });
    expect(of(comparison.cells, 'base', 'fixed').difference).toMatchObject({ estimate: { mean: 0.375, seeds: 2 } });
  });

  it('do not take the only seed that is finished for all of them', () => {
    const cells = [cell('a', 2, [1, 0, 1, 1]), ...[1, 2, 3].map((seed) => cell('b', seed, [0, seed % 2, 0, 1]))];
    expect(of(cells, 'a', 'b').difference).toMatchObject({
      estimate: { mean: 0.5, seeds: 1 },
      untested: 'records only, 1 seed: no p',
      note: '1 seed in common',
    });
  });

  it('count only what both share, and say so', () => {
    const cells = [
      ...[1, 2, 3, 4].map((seed) => cell('a', seed, [1, seed % 2, 1, 0])),
      ...[2, 3, 4].map((seed) => cell('b', seed, [0, 1, seed % 2])),
    ];
    const one = { ...comparison, benchmarks: ['b'], cells };
    expect(scoreTable(one, ['a'], 'b')[1][3]).toMatch(/; p = 0\.\d{3}, 3 seeds in common, 3 records in common\)$/);
    const apart = [cell('a', 1, [1]), cell('b', 2, [0])];
    expect(scoreTable({ ...one, cells: apart }, ['a'], 'b')[1][3]).toBe('no seed or record in common');
  });

  it('say why there is no p', () => {
    const cells = [
      cell('fixed', undefined, [0, 1, 0, 1]),
      cell('also fixed', undefined, [0, 1, 1, 1]),
      ...[1, 2, 3].flatMap((seed) => [cell('all', seed, [1, 1, 1, 1]), cell('none', seed, [0, 0, 0, 0])]),
    ];
    expect(of(cells, 'fixed', 'also fixed').difference?.untested).toBe('records only, neither is trained: no p');
    expect(of(cells, 'all', 'none').difference?.untested).toBe('no spread: no p');
    expect(of(cells, 'all', 'all').difference).toBeUndefined();
  });

  it('have p-values corrected over the whole table', () => {
    const random = new SeededRandom('holm');
    const methods = ['base', 'a', 'b', 'c'];
    const cells = methods.flatMap((method) =>
      [1, 2, 3].map((seed) =>
        cell(
          method,
          seed,
          Array.from({ length: 50 }, () => Number(random.next() < 0.5)),
        ),
      ),
    );
    const all = { ...comparison, benchmarks: ['b'], methods, cells };
    const together = entries(all, methods, 'base').flatMap(({ difference }) => difference ?? []);
    const smallest = Math.min(...together.map(({ estimate }) => estimate.p!));
    expect(together).toHaveLength(3);
    expect(Math.min(...together.map(({ p }) => p!))).toBeCloseTo(Math.min(1, 3 * smallest), 12);
    const [alone] = entries(all, ['a'], 'base');
    expect(alone.difference?.p).toBe(alone.difference?.estimate.p);
  });
});

describe('tables', () => {
  const rows = scoreTable(comparison, comparison.methods, 'base');

  it('say mean and interval, difference and why there is no p, and what was not run', () => {
    expect(rows[0]).toEqual(['method', 'seeds', 'b', 'b: against base', 'c', 'c: against base']);
    expect(rows[1].slice(0, 4)).toEqual(['base', '2', '37.5 (0.0 to 100.0)', '']);
    expect(rows[2].slice(0, 2)).toEqual(['better', '2']);
    expect(rows[2][2]).toMatch(/^75\.0 \(\d+\.\d to 100\.0\)$/);
    expect(rows[2][3]).toMatch(/^\+37\.5 \(-\d+\.\d to \d+\.\d; 2 seeds: no p\)$/);
    // Wilson's of 0 of 4.
    expect(wilsonInterval(0, 4).high).toBeCloseTo(0.49, 3);
    expect(rows[3].slice(0, 3)).toEqual(['fixed', 'not trained', '0.0 (0.0 to 49.0; records only)']);
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
