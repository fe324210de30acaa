/** Footnotes of a comparison's tables: marks in the cells that a note is about, and the notes below. */
import type { Note } from '../run/comparison-facts.js';
import { FAILED } from './differences.js';

/**
 * Rows with "[1]" behind every number and every failure that a note is about.
 * @param rows header first; the first column names the method, a header the benchmark
 */
export function withMarks(rows: readonly (readonly string[])[], notes: readonly Note[]): string[][] {
  const [head, ...body] = rows;
  const marked = body.map(([method, ...cells]) => [
    method,
    ...cells.map((cell, at) => {
      const benchmark = head[at + 1];
      const marks = notes.flatMap(({ about }, number) =>
        about.some((each) => each.method === method && isAbout(each.benchmark, benchmark)) ? [`[${number + 1}]`] : [],
      );
      return (/\d/.test(cell) || cell === FAILED) && head[at + 1] !== 'seeds' ? [cell, ...marks].join(' ') : cell;
    }),
  ]);
  return [[...head], ...marked];
}

/** A column of the benchmark, or of a difference on it ("NAME: against BASELINE"). */
function isAbout(wanted: string | undefined, column: string): boolean {
  return wanted === undefined || column === wanted || column.startsWith(`${wanted}: `);
}

/** A line a note, numbered as the marks are. */
export function notesText(notes: readonly Note[]): string {
  return notes.map(({ text }, at) => `[${at + 1}] ${text}\n`).join('');
}
