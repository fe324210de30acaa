/** Tables of any length as text: a row a line, its cells divided by "|", the names of the columns said again. */
import { MAX_EMPTY_CELLS } from '../../base/limits.js';
import type { Place, PlacedText } from '../places.js';

/** Rows after which the names of the columns are repeated: they would be forgotten in later chunks. */
const REPEATED = 40;

/** A cell by its column, from 0. */
export interface Cell {
  column: number;
  text: string;
  isNumber?: boolean;
}

/** Writes the rows of one table. The first row counts as a header if it has several cells and no number. */
export class TableText {
  readonly #labelOf: (row: number, column: number, header: readonly string[]) => string;
  #header: string[] | undefined;
  #headerText = '';
  #rows = 0;

  /** @param labelOf names a cell; rows count from 1, columns from 0 */
  constructor(labelOf: (row: number, column: number, header: readonly string[]) => string) {
    this.#labelOf = labelOf;
  }

  /** A row as a line; nothing for an empty one. @param row from 1 */
  row(row: number, cells: readonly Cell[]): PlacedText {
    const places: Place[] = [];
    const filled = cells.map((cell) => ({ ...cell, text: cell.text.replaceAll(/\s*[\r\n]+\s*/g, ' / ').trim() }));
    while (filled.length > 0 && filled[filled.length - 1].text === '') filled.pop();
    if (filled.length === 0) return { text: '', places };
    const isFirst = this.#header === undefined;
    if (isFirst) this.#begin(filled);
    let text = '';
    if (!isFirst && this.#headerText !== '' && this.#rows % REPEATED === 0) {
      places.push({ at: 0, label: '' });
      text = `(${this.#headerText})\n`;
    }
    let next = 0;
    for (const { column, text: content } of filled) {
      // Damaged files can have cells in any order.
      const gap = Math.max(0, column - next);
      text += gap > MAX_EMPTY_CELLS ? ' | … | ' : `${' | '.repeat(gap)}${next > 0 ? ' | ' : ''}`;
      if (content !== '') places.push({ at: text.length, label: this.#labelOf(row, column, this.#header ?? []) });
      text += content;
      next = column + 1;
    }
    this.#rows++;
    return { text: `${text}\n`, places };
  }

  #begin(cells: readonly Cell[]): void {
    this.#header = [];
    const isHeader = cells.length > 1 && cells.every(({ text, isNumber }) => text !== '' && !isNumber);
    if (!isHeader) return;
    for (const { column, text } of cells) this.#header[column] = text;
    this.#headerText = cells.map(({ text }) => text).join(' | ');
  }
}

/** "A" for 0, "AB" for 27 */
export function columnName(column: number): string {
  let name = '';
  for (let rest = column + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
    name = String.fromCharCode(65 + ((rest - 1) % 26)) + name;
  }
  return name;
}

export const isNumeric = (text: string): boolean => /^[-+]?[\d\s.,']*\d\s*%?$/.test(text.trim());
