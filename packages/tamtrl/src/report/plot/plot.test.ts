import { expect, it } from 'vitest';
import { plotLines } from './plot-lines.js';
import { ticks, tickText } from './ticks.js';

const numbers = (path: string) => [...path.matchAll(/-?\d+(?:\.\d+)?/g)].map(([text]) => Number(text));
const all = (svg: string, pattern: RegExp) => [...svg.matchAll(pattern)].map(([, found]) => found);

it('ticks are round and lie within the range', () => {
  expect(ticks(0, 1, 5)).toEqual({ values: [0, 0.2, 0.4, 0.6, 0.8, 1], decimals: 1 });
  expect(ticks(0, 50, 8)).toEqual({ values: [0, 10, 20, 30, 40, 50], decimals: 0 });
  expect(ticks(-0.03, 0.02, 5).values).toEqual([-0.03, -0.02, -0.01, 0, 0.01, 0.02]);
  expect(ticks(3, 3, 5).values).toEqual([3]);
  expect(tickText(1200, 0)).toBe('1,200');
  expect(tickText(0.5, 2)).toBe('0.50');
  expect(tickText(2e-7, 7)).toBe('2e-7');
});

it('points are where the axes say', () => {
  const svg = plotLines({
    xLabel: 'steps',
    yLabel: 'exact match',
    xRange: [0, 100],
    yRange: [0, 1],
    width: 720,
    height: 400,
    series: [
      {
        name: 'run',
        points: [
          { x: 0, y: 0 },
          { x: 50, y: 0.5 },
          { x: 100, y: 1 },
        ],
      },
    ],
  });
  const [line] = all(svg, /class="line" d="([^"]+)"/g);
  const [x0, y0, x1, y1, x2, y2] = numbers(line);
  expect([x1 - x0, y1 - y0]).toEqual([x2 - x1, y2 - y1]);
  // Up is more: pixels count downwards.
  expect(y2).toBeLessThan(y0);
  const yTicks = [...svg.matchAll(/class="y-tick" x="[^"]+" y="([^"]+)"[^>]*>([^<]+)</g)];
  const baseline = Number(yTicks.find(([, , text]) => text === '0.0')?.[1]);
  expect(baseline - 4).toBeCloseTo(y0, 1);
  const xTicks = [...svg.matchAll(/class="x-tick" x="([^"]+)"[^>]*>([^<]+)</g)];
  expect(Number(xTicks.find(([, , text]) => text === '100')?.[1])).toBeCloseTo(x2, 1);
});

it('a band, a legend entry for each series, and names that need escaping', () => {
  const points = [
    { x: 1, y: 0.2, low: 0.1, high: 0.3 },
    { x: 2, y: 0.4, low: 0.3, high: 0.5 },
  ];
  const svg = plotLines({
    title: 'a < b & "c"',
    xLabel: 'x',
    yLabel: 'y',
    series: [
      { name: 'with <band>', points },
      {
        name: 'plain',
        points: [
          { x: 1, y: 0.1 },
          { x: 2, y: 0.2 },
        ],
      },
    ],
  });
  const bands = all(svg, /class="band" d="([^"]+)"/g);
  expect(bands).toHaveLength(1);
  expect(numbers(bands[0])).toHaveLength(8);
  expect(all(svg, /class="legend"[^>]*>([^<]+)</g)).toEqual(['with &lt;band&gt;', 'plain']);
  expect(svg).toContain('a &lt; b &amp; &quot;c&quot;');
  // Different colours and dashes.
  expect(new Set(all(svg, /class="line"[^>]*stroke="([^"]+)"/g)).size).toBe(2);
});

it('gaps break a line, a lone point is a circle, order does not matter', () => {
  const series = (points: { x: number; y: number }[]) =>
    plotLines({ xLabel: 'x', yLabel: 'y', series: [{ name: 'a', points }] });
  const broken = series([
    { x: 1, y: 1 },
    { x: 2, y: 2 },
    { x: 3, y: Number.NaN },
    { x: 4, y: 1 },
  ]);
  expect(all(broken, /class="line" d="([^"]+)"/g)).toHaveLength(2);
  expect(all(broken, /<circle cx="([^"]+)"/g)).toHaveLength(1);
  expect(broken).not.toContain('NaN');
  expect(
    series([
      { x: 2, y: 2 },
      { x: 1, y: 1 },
    ]),
  ).toBe(
    series([
      { x: 1, y: 1 },
      { x: 2, y: 2 },
    ]),
  );
});

it('one point, or points all alike, still make a plot; none at all is refused', () => {
  const one = plotLines({ xLabel: 'x', yLabel: 'y', series: [{ name: 'a', points: [{ x: 0, y: 0 }] }] });
  expect(one).not.toMatch(/NaN|Infinity/);
  expect(() => plotLines({ xLabel: 'x', yLabel: 'y', series: [{ name: 'a', points: [] }] })).toThrow(RangeError);
});

it('many series fold the legend into rows that stay inside', () => {
  const series = Array.from({ length: 8 }, (_, at) => ({
    name: `a rather long name ${at}`,
    points: [{ x: 0, y: at }],
  }));
  const svg = plotLines({ xLabel: 'x', yLabel: 'y', series, width: 600 });
  const places = [...svg.matchAll(/class="legend" x="([^"]+)" y="([^"]+)"/g)];
  expect(new Set(places.map(([, , y]) => y)).size).toBeGreaterThan(1);
  for (const [, x] of places) expect(Number(x) + 20 * 6.8).toBeLessThan(600);
});
