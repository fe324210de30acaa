/** Groups of bars with intervals as SVG text: methods on benchmarks. */
import { COLOURS, escaped } from './plot-lines.js';

export interface Bar {
  name: string;
  /** One for each group; undefined if nothing was measured. In [0, 1]. */
  values: readonly ({ mean: number; low: number; high: number } | undefined)[];
}

export interface BarOptions {
  title: string;
  yLabel: string;
  groups: readonly string[];
  bars: readonly Bar[];
}

const WIDTH = 720;
const HEIGHT = 380;
const LEFT = 56;
const BOTTOM = 36;
const TOP = 40;
const LEGEND_ROW = 18;

/** Percent on the vertical axis, from 0 to a round number above the highest end. */
export function plotBars({ title, yLabel, groups, bars }: BarOptions): string {
  const highest = Math.max(0.05, ...bars.flatMap(({ values }) => values.map((value) => value?.high ?? 0)));
  const step = highest > 0.5 ? 0.2 : highest > 0.2 ? 0.1 : 0.05;
  const top = Math.min(1, Math.ceil(highest / step) * step);
  const legend = Math.ceil(bars.length / 3) * LEGEND_ROW;
  const bottom = HEIGHT - BOTTOM;
  const y = (share: number) => bottom - (Math.min(share, top) / top) * (bottom - TOP);
  const groupWidth = (WIDTH - LEFT - 12) / groups.length;
  const barWidth = (0.8 * groupWidth) / bars.length;
  const at = (value: number) => value.toFixed(1);
  const parts: string[] = [];
  for (let tick = 0; tick <= top + 1e-9; tick += step) {
    parts.push(
      `<line x1="${LEFT}" x2="${WIDTH - 12}" y1="${at(y(tick))}" y2="${at(y(tick))}" stroke="#dddddd"/>`,
      `<text x="${LEFT - 6}" y="${at(y(tick) + 4)}" text-anchor="end">${Math.round(100 * tick)}</text>`,
    );
  }
  groups.forEach((group, g) => {
    const left = LEFT + g * groupWidth + 0.1 * groupWidth;
    parts.push(
      `<text x="${at(left + 0.4 * groupWidth)}" y="${bottom + 20}" text-anchor="middle">${escaped(group)}</text>`,
    );
    bars.forEach(({ name, values }, b) => {
      const value = values[g];
      if (!value) return;
      const x = left + b * barWidth;
      const middle = at(x + barWidth / 2);
      parts.push(
        `<rect class="bar" x="${at(x)}" y="${at(y(value.mean))}" width="${at(barWidth - 2)}" height="${at(bottom - y(value.mean))}" fill="${COLOURS[b % COLOURS.length]}"><title>${escaped(`${name}, ${group}: ${(100 * value.mean).toFixed(1)} %`)}</title></rect>`,
      );
      if (value.high > value.low) {
        parts.push(
          `<line x1="${middle}" x2="${middle}" y1="${at(y(Math.max(0, value.low)))}" y2="${at(y(value.high))}" stroke="#333333"/>`,
        );
      }
    });
  });
  bars.forEach(({ name }, b) => {
    const x = LEFT + (b % 3) * 215;
    const row = HEIGHT + 4 + Math.floor(b / 3) * LEGEND_ROW;
    parts.push(
      `<rect x="${x}" y="${row}" width="12" height="12" fill="${COLOURS[b % COLOURS.length]}"/>`,
      `<text x="${x + 18}" y="${row + 10}">${escaped(name)}</text>`,
    );
  });
  const height = HEIGHT + legend + 12;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12" fill="#333333" role="img" aria-label="${escaped(title)}"><rect width="${WIDTH}" height="${height}" fill="#ffffff"/><text x="${LEFT}" y="20" font-size="14">${escaped(title)}</text><text transform="translate(14 ${at((TOP + bottom) / 2)}) rotate(-90)" text-anchor="middle">${escaped(yLabel)}</text>${parts.join('')}</svg>\n`;
}
