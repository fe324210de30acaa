import { describe, expect, it } from 'vitest';
import { hashSeed, Random } from './random.js';

describe('Random', () => {
  it('gives these numbers on every platform', () => {
    const random = new Random(42);
    expect([random.uint32(), random.uint32(), random.uint32()]).toEqual([1573650488, 1474909760, 734728003]);
    expect([random.uniform(), random.normal(), random.normal()]).toEqual([
      0.6579857202246405, -1.016599255492441, 1.0475661194017079,
    ]);
  });

  it('takes number and bigint seeds alike, and any two seeds differ', () => {
    const first = (seed: number | bigint) => new Random(seed).uint32();
    expect(first(7n)).toBe(first(7));
    expect(first(-1n)).toBe(first(-1));
    const seeds = [0, 1, 2, -1, -2, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1, 2n ** 64n - 2n ** 53n];
    expect(new Set(seeds.map(first)).size).toBe(seeds.length);
  });

  it.each([0.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
    expect(() => new Random(seed)).toThrow(/whole number/);
  });

  it('is uniform on [0, 1)', () => {
    const random = new Random(1);
    const bins = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) bins[Math.floor(random.uniform() * 10)]++;
    // Standard deviation of a bin: 95.
    for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(450);
  });

  it('is normal: moments and tails', () => {
    const random = new Random(2);
    const n = 200_000;
    const powers = [0, 0, 0, 0];
    let beyondTwo = 0;
    for (let i = 0; i < n; i++) {
      const x = random.normal();
      for (let p = 0; p < 4; p++) powers[p] += x ** (p + 1) / n;
      if (Math.abs(x) > 2) beyondTwo++;
    }
    expect(powers[0]).toBeCloseTo(0, 1);
    expect(powers[1]).toBeCloseTo(1, 1);
    expect(powers[2]).toBeCloseTo(0, 1);
    expect(Math.abs(powers[3] - 3)).toBeLessThan(0.1);
    expect(Math.abs(beyondTwo / n - 0.0455)).toBeLessThan(0.003);
  });
});

describe('hashSeed', () => {
  it('gives these numbers on every platform', () => {
    expect([hashSeed(), hashSeed(0), hashSeed(1, 2, 3), hashSeed(0.5)]).toEqual([
      939114241863438, 147917963448978, 4497947261450386, 2390372765210639,
    ]);
  });

  it('heeds order, number and size of the values, and gives safe integers', () => {
    const lists = [[], [0], [0, 0], [1], [1, 2], [2, 1], [1, 2, 0], [2 ** 40], [2 ** 40 + 1], [-1], [0.1]];
    const hashes = lists.map((values) => hashSeed(...values));
    expect(new Set(hashes).size).toBe(lists.length);
    for (const hash of hashes) expect(Number.isSafeInteger(hash) && hash >= 0).toBe(true);
    expect(hashSeed(-0)).toBe(hashSeed(0));
  });

  it('has no collisions on a grid, and its streams do not resemble each other', () => {
    const hashes = new Set<number>();
    let sum = 0;
    for (let a = 0; a < 200; a++) {
      for (let b = 0; b < 200; b++) {
        hashes.add(hashSeed(a, b));
        sum += new Random(hashSeed(a, b)).uniform();
      }
    }
    expect(hashes.size).toBe(40_000);
    expect(Math.abs(sum / 40_000 - 0.5)).toBeLessThan(0.01);
  });
});
