/** A figure: lines with bands, drawn by Observable Plot as SVG, with its numbers as a table and as files. */
import * as Plot from '@observablehq/plot';
import { useEffect, useRef, useState } from 'preact/hooks';
import { saveFigure } from './export.js';
import { number, Rows } from './text.js';

export interface Line {
  /** Of the run, or the runs. */
  set: string;
  /** Of the number. */
  name: string;
  points: { x: number; y: number | null; low?: number | null; high?: number | null }[];
  /** Few points: each is marked. */
  markers?: boolean;
}

/** Okabe and Ito's palette, which colour-blind readers can tell apart; the last takes the page's ink. */
export const PALETTE = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c8c8c'];
const DASHES = ['', '7 4', '2 3', '9 3 2 3', '1 2', '12 4'];

/** Rows of the table of numbers. */
const ROWS = 200;

export interface FigureProps {
  title: string;
  unit?: string;
  lines: readonly Line[];
  /** Said below the figure. */
  note?: string;
  zero?: boolean;
}

export function Figure({ title, unit, lines, note, zero }: FigureProps) {
  const place = useRef<HTMLDivElement>(null);
  const drawing = useRef<SVGSVGElement | null>(null);
  const [width, setWidth] = useState(560);
  const [near, setNear] = useState(false);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const observer = new ResizeObserver(([{ contentRect }]) => setWidth(Math.max(240, Math.floor(contentRect.width))));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // A long run has twenty figures of 500 points: those that nobody has come near to would take seconds to draw.
  useEffect(() => {
    const element = place.current;
    if (!element || near) return;
    const observer = new IntersectionObserver(
      (seen) => seen.some(({ isIntersecting }) => isIntersecting) && setNear(true),
      { rootMargin: '400px' },
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, [near]);
  const names = namesOf(lines);
  useEffect(() => {
    if (!near) return;
    const plot = draw({ title, unit, lines, zero }, names, width);
    drawing.current = plot instanceof SVGSVGElement ? plot : plot.querySelector('svg');
    place.current?.replaceChildren(plot);
  }, [title, unit, lines, width, zero, near, names.join()]);
  return (
    <figure>
      <figcaption>
        <h3>
          {title}
          {unit && <small> ({unit})</small>}
        </h3>
        {names.length > 1 && (
          <ul class="legend">
            {names.map((name, at) => (
              <li>
                <svg width="26" height="10" aria-hidden="true">
                  <path d="M0 5h26" stroke={colour(at)} stroke-width="2.5" stroke-dasharray={dash(at)} />
                </svg>
                {name}
              </li>
            ))}
          </ul>
        )}
      </figcaption>
      <div ref={place} class="plot" />
      {note && <p class="note">{note}</p>}
      <div class="tools">
        {(['svg', 'png'] as const).map((kind) => (
          <button type="button" onClick={() => drawing.current && saveFigure(drawing.current, title, kind)}>
            Save {kind.toUpperCase()}
          </button>
        ))}
        <details onToggle={(event) => setOpen(event.currentTarget.open)}>
          <summary>Numbers</summary>
          {open && <Numbers lines={lines} names={names} title={title} />}
        </details>
      </div>
    </figure>
  );
}

const colour = (at: number) => PALETTE[at % PALETTE.length];
const dash = (at: number) => DASHES[Math.floor(at / 2) % DASHES.length] || undefined;

/** What tells the lines apart: the set, the number, or both. */
function namesOf(lines: readonly Line[]): string[] {
  return lines.map((line) => nameOf(line, lines));
}

function nameOf({ set, name }: Line, lines: readonly Line[]): string {
  const [sets, names] = [new Set(lines.map((line) => line.set)), new Set(lines.map((line) => line.name))];
  if (sets.size === 1) return name;
  return names.size === 1 ? set : `${set}: ${name}`;
}

function draw({ title, unit, lines, zero }: FigureProps, names: readonly string[], width: number) {
  const marks: Plot.Markish[] = [Plot.gridY({ strokeOpacity: 0.12 })];
  lines.forEach(({ points, markers }, at) => {
    const stroke = colour(at);
    const banded = points.filter(({ low, high }) => typeof low === 'number' && typeof high === 'number');
    if (banded.length > 1)
      marks.push(Plot.areaY(banded, { x: 'x', y1: 'low', y2: 'high', fill: stroke, fillOpacity: 0.18 }));
    marks.push(Plot.lineY(points, { x: 'x', y: 'y', stroke, strokeWidth: 2, strokeDasharray: dash(at) }));
    if (markers || points.length === 1) marks.push(Plot.dot(points, { x: 'x', y: 'y', r: 3, fill: stroke }));
  });
  const all = lines.flatMap(({ points }, at) =>
    points.flatMap(({ x, y }) => (y === null ? [] : [{ x, y, label: `${names[at]}\nstep ${x}: ${number(y, 4)}` }])),
  );
  const longest = all.reduce((most, { x }) => Math.max(most, x), 0);
  if (all.length > 0)
    marks.push(Plot.tip(all, Plot.pointer({ x: 'x', y: 'y', title: 'label', fill: 'var(--ground)' })));
  return Plot.plot({
    width,
    height: 240,
    marginLeft: 56,
    x: { label: 'step', interval: longest < 12 ? 1 : undefined, type: 'linear' },
    y: { label: unit ?? null, ...(zero && { zero: true }) },
    style: { background: 'transparent', color: 'currentColor', fontSize: '12px', overflow: 'visible' },
    ariaLabel: title,
    ariaDescription: `${title} by step: ${names.join(', ')}. The numbers are in a table below.`,
    marks,
  });
}

function Numbers({ lines, names, title }: { lines: readonly Line[]; names: readonly string[]; title: string }) {
  const steps = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const every = Math.ceil(steps.length / ROWS);
  const shown = steps.filter((_, at) => at % every === 0 || at === steps.length - 1);
  const values = lines.map(({ points }) => new Map(points.map((point) => [point.x, point])));
  const rows = shown.map((step) => [
    String(step),
    ...values.map((own) => {
      const point = own.get(step);
      if (!point) return '';
      const { y, low, high } = point;
      return typeof low === 'number' ? `${number(y, 4)} (${number(low, 4)} to ${number(high, 4)})` : number(y, 4);
    }),
  ]);
  return <Rows rows={[['step', ...names], ...rows]} caption={title} />;
}
