/** A line plot as SVG text, for reports and documents: axes, ticks, several series with mean and band, a legend. */
import { type Ticks, ticks, tickText } from './ticks.js';

export interface PlotPoint {
  x: number;
  /** Not finite: the line is broken here. */
  y: number;
  /** Ends of the band around `y`, such as a confidence interval. */
  low?: number;
  high?: number;
}

export interface PlotSeries {
  name: string;
  points: readonly PlotPoint[];
  /** A circle at each point: for few points. */
  markers?: boolean;
}

export interface PlotOptions {
  title?: string;
  xLabel: string;
  yLabel: string;
  series: readonly PlotSeries[];
  /** In pixels; default 720 x 400, the legend included. */
  width?: number;
  height?: number;
  /** Default: what the points and bands need; points outside are cut off. */
  xRange?: readonly [number, number];
  yRange?: readonly [number, number];
  /** Marks of the horizontal axis in words; default: round numbers. */
  xTicks?: readonly { x: number; text: string }[];
}

/** Okabe and Ito's palette, which colour-blind readers can distinguish; dashes distinguish series in print. */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const DASHES = ['', '7 4', '2 3', '9 3 2 3'];
const INK = '#333333';
const LEGEND_ROW = 20;
/** Mean advance of the font, for placing legend entries. */
const CHARACTER = 6.8;

/**
 * The plot as a whole SVG document on a white ground.
 * @throws RangeError if no series has a finite point.
 */
export function plotLines(options: PlotOptions): string {
  const { title, xLabel, yLabel, series, width = 720, height = 400 } = options;
  const finite = series.flatMap(({ points }) => points.filter(isDrawn));
  if (finite.length === 0) throw new RangeError('plotLines: there is no finite point to draw.');
  const [xLow, xHigh] = widened(options.xRange ?? rangeOf(finite.map(({ x }) => x)));
  const values = finite.flatMap(({ y, low = y, high = y }) => [y, low, high]);
  const [yLow, yHigh] = widened(options.yRange ?? padded(rangeOf(values)));

  const legend = legendRows(series, width - 90);
  const box = { left: 64, right: width - 16, top: title ? 36 : 14, bottom: height - 50 - legend.length * LEGEND_ROW };
  const x = (value: number) => box.left + ((value - xLow) / (xHigh - xLow)) * (box.right - box.left);
  const y = (value: number) => box.bottom - ((value - yLow) / (yHigh - yLow)) * (box.bottom - box.top);
  const xTicks = options.xTicks ?? numbersAt(ticks(xLow, xHigh, 8));
  const yTicks = ticks(yLow, yHigh, 6);

  const parts: string[] = [];
  const text = (content: string, place: string) => parts.push(`<text ${place}>${escaped(content)}</text>`);
  for (const value of yTicks.values) {
    const at = round(y(value));
    parts.push(`<path d="M${box.left} ${at}H${box.right}" stroke="#dddddd"/>`);
    text(tickText(value, yTicks.decimals), `class="y-tick" x="${box.left - 8}" y="${at + 4}" text-anchor="end"`);
  }
  for (const tick of xTicks) {
    const at = round(x(tick.x));
    parts.push(`<path d="M${at} ${box.bottom}v5" stroke="${INK}"/>`);
    text(tick.text, `class="x-tick" x="${at}" y="${box.bottom + 19}" text-anchor="middle"`);
  }
  parts.push(`<path d="M${box.left} ${box.top}V${box.bottom}H${box.right}" fill="none" stroke="${INK}"/>`);
  text(xLabel, `x="${(box.left + box.right) / 2}" y="${box.bottom + 39}" text-anchor="middle"`);
  const middle = (box.top + box.bottom) / 2;
  text(yLabel, `x="16" y="${middle}" text-anchor="middle" transform="rotate(-90 16 ${middle})"`);
  if (title) text(title, `x="${box.left}" y="22" font-weight="bold" font-size="14"`);

  parts.push('<g clip-path="url(#area)">');
  series.forEach(({ points, markers, name }, index) => {
    const colour = COLOURS[index % COLOURS.length];
    parts.push(`<g><title>${escaped(name)}</title>`);
    for (const run of runsOf(points)) {
      const banded = run.filter(({ low, high }) => low !== undefined && high !== undefined);
      if (banded.length > 1) {
        const upper = banded.map((point) => `${round(x(point.x))} ${round(y(point.high as number))}`);
        const lower = banded.map((point) => `${round(x(point.x))} ${round(y(point.low as number))}`).reverse();
        parts.push(`<path class="band" d="M${[...upper, ...lower].join('L')}Z" fill="${colour}" fill-opacity="0.18"/>`);
      }
      const line = run.map((point) => `${round(x(point.x))} ${round(y(point.y))}`).join('L');
      parts.push(`<path class="line" d="M${line}" ${strokeOf(index)} stroke-linejoin="round"/>`);
      // A lone point has no line to be seen by.
      for (const point of markers || run.length === 1 ? run : []) {
        parts.push(`<circle cx="${round(x(point.x))}" cy="${round(y(point.y))}" r="3" fill="${colour}"/>`);
      }
    }
    parts.push('</g>');
  });
  parts.push('</g>');
  legend.forEach((entries, row) => {
    const at = height - (legend.length - row) * LEGEND_ROW + 6;
    for (const { index, left } of entries) {
      parts.push(`<path d="M${box.left + left} ${at - 4}h24" ${strokeOf(index)}/>`);
      text(series[index].name, `class="legend" x="${box.left + left + 30}" y="${at}"`);
    }
  });

  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const area = `<rect x="${box.left}" y="${box.top - 3}" width="${box.right - box.left + 4}" height="${box.bottom - box.top + 6}"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="system-ui, sans-serif" font-size="12" fill="${INK}" role="img" aria-label="${escaped(title ?? `${yLabel} by ${xLabel}`)}">
<rect width="${width}" height="${height}" fill="#ffffff"/>
<clipPath id="area">${area}</clipPath>
${parts.join('\n')}
</svg>
`;
}

function numbersAt({ values, decimals }: Ticks): { x: number; text: string }[] {
  return values.map((x) => ({ x, text: tickText(x, decimals) }));
}

function strokeOf(index: number): string {
  const dash = DASHES[index % DASHES.length];
  const dashes = dash === '' ? '' : ` stroke-dasharray="${dash}"`;
  return `fill="none" stroke="${COLOURS[index % COLOURS.length]}" stroke-width="2"${dashes}`;
}

function isDrawn({ x, y }: PlotPoint): boolean {
  return Number.isFinite(x) && Number.isFinite(y);
}

/** Stretches without a gap, by rising x. */
function runsOf(points: readonly PlotPoint[]): PlotPoint[][] {
  const runs: PlotPoint[][] = [[]];
  for (const point of [...points].sort((a, b) => a.x - b.x)) {
    if (isDrawn(point)) runs[runs.length - 1].push(point);
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 0);
}

function rangeOf(values: readonly number[]): [number, number] {
  const finite = values.filter(Number.isFinite);
  return [finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b))];
}

/** A little air above and below, but not below 0 if nothing is negative. */
function padded([low, high]: [number, number]): [number, number] {
  const air = (high - low) * 0.06;
  return [low >= 0 ? Math.max(0, low - air) : low - air, high + air];
}

/** Never of length 0. */
function widened([low, high]: readonly [number, number]): [number, number] {
  if (high > low) return [low, high];
  const half = low === 0 ? 0.5 : Math.abs(low) * 0.1;
  return [low - half, low + half];
}

function legendRows(series: readonly PlotSeries[], width: number): { index: number; left: number }[][] {
  const rows: { index: number; left: number }[][] = [];
  let left = width;
  series.forEach(({ name }, index) => {
    const needed = 30 + name.length * CHARACTER + 18;
    if (rows.length === 0 || left + needed > width) {
      rows.push([]);
      left = 0;
    }
    rows[rows.length - 1].push({ index, left });
    left += needed;
  });
  return rows;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
