/** Excel workbooks, by ECMA-376 part 1: the cells of each sheet, as the program that saved them calculated them. */
import { bytesText, MAX_SHARED_CHARACTERS } from '../../base/limits.js';
import { ReaderError } from '../errors.js';
import { labelOf, type PlacedText } from '../places.js';
import type { Archive } from './archive.js';
import { leftOut, relationsOf } from './ooxml.js';
import { type Cell, columnName, TableText } from './table-text.js';
import { readXml, type XmlEvents, xmlEvents } from './xml.js';

export const WORKBOOK_PART = 'xl/workbook.xml';

/** @throws ReaderError `input` for a damaged workbook. */
export async function* xlsxText(
  archive: Archive,
  name: string,
  onNote: ((note: string) => void) | undefined,
): AsyncGenerator<PlacedText> {
  const relations = await relationsOf(archive, WORKBOOK_PART, name);
  const sheets: { name: string; path: string }[] = [];
  let is1904 = false;
  await readXml(archive.stream(WORKBOOK_PART), name, {
    open(tag, { name: sheet, id, date1904 }) {
      const path = tag === 'sheet' ? relations.get(id)?.path : undefined;
      if (path !== undefined && archive.has(path)) sheets.push({ name: sheet ?? '', path });
      if (tag === 'workbookPr') is1904 = date1904 === '1' || date1904 === 'true';
    },
  });
  const partOf = (type: string) => [...relations.values()].find((each) => each.type === type)?.path;
  const shared = await sharedStrings(archive, partOf('sharedStrings'), name);
  const formats = await formatsOf(archive, partOf('styles'), name);
  let formulas = 0;
  for (const sheet of sheets) {
    const label = labelOf(sheet.name);
    const table = new TableText((row, column) => `sheet ${label}, cell ${columnName(column)}${row}`);
    const rows = new Rows(shared, formats, is1904);
    let some = false;
    for await (const _ of xmlEvents(archive.stream(sheet.path), name, rows)) {
      for (const { row, cells } of rows.take()) {
        const piece = table.row(row, cells);
        if (piece.text === '') continue;
        if (!some) yield { text: `Sheet ${label}:\n\n`, places: [{ at: 0, label: `sheet ${label}` }] };
        some = true;
        yield piece;
      }
    }
    if (some) yield { text: '\n', places: [{ at: 0, label: '' }] };
    formulas += rows.formulas;
  }
  const comments = archive.names.filter((each) => /^xl\/(?:threadedC|c)omments\d*/.test(each)).length;
  const left = leftOut(archive, 'xl/', [[comments, 'list of comments', 'lists of comments']]);
  const notes = [
    left && `${left} left out`,
    formulas > 0 &&
      `${formulas} ${formulas === 1 ? 'formula has' : 'formulas have'} no saved result, so the formula was read`,
  ].filter(Boolean);
  if (notes.length > 0) onNote?.(`${name}: ${notes.join('; ')}`);
}

async function sharedStrings(archive: Archive, part: string | undefined, name: string): Promise<string[]> {
  const strings: string[] = [];
  if (part === undefined || !archive.has(part)) return strings;
  let inText = 0;
  let phonetic = 0;
  let text = '';
  let characters = 0;
  await readXml(archive.stream(part), name, {
    open(tag) {
      if (tag === 'si') text = '';
      else if (tag === 't') inText++;
      else if (tag === 'rPh') phonetic++;
    },
    close(tag) {
      if (tag === 'si') strings.push(text);
      else if (tag === 't') inText--;
      else if (tag === 'rPh') phonetic--;
    },
    text(more) {
      if (inText === 0 || phonetic > 0) return;
      text += more;
      characters += more.length;
      if (characters > MAX_SHARED_CHARACTERS) {
        const limit = bytesText(MAX_SHARED_CHARACTERS);
        throw new ReaderError('input', `Cannot read ${name}: its cells share more than ${limit} of text.`);
      }
    },
  });
  return strings;
}

type Format = 'date' | 'percent' | undefined;

/** What the formats of cells make of a number, by the index that cells give. */
async function formatsOf(archive: Archive, part: string | undefined, name: string): Promise<Format[]> {
  const formats: Format[] = [];
  if (part === undefined || !archive.has(part)) return formats;
  const codes = new Map<string, string>();
  let inCells = false;
  await readXml(archive.stream(part), name, {
    open(tag, { numFmtId = '', formatCode = '' }) {
      if (tag === 'numFmt') codes.set(numFmtId, formatCode);
      else if (tag === 'cellXfs') inCells = true;
      else if (tag === 'xf' && inCells) formats.push(formatOf(Number(numFmtId), codes.get(numFmtId)));
    },
    close(tag) {
      if (tag === 'cellXfs') inCells = false;
    },
  });
  return formats;
}

function formatOf(id: number, code: string | undefined): Format {
  if (code === undefined) {
    // Those that are built in (18.8.30): 14 to 22 and 45 to 47 are dates and times, and so are those of East Asia.
    if ((id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 58)) return 'date';
    return id === 9 || id === 10 ? 'percent' : undefined;
  }
  const bare = code.replaceAll(/"[^"]*"|\\.|\[[^\]]*\]|_./g, '');
  if (/[dmyhs]/i.test(bare)) return 'date';
  return bare.includes('%') ? 'percent' : undefined;
}

/** Collects the rows of a sheet. */
class Rows implements XmlEvents {
  readonly #shared: readonly string[];
  readonly #formats: readonly Format[];
  readonly #is1904: boolean;
  formulas = 0;
  #rows: { row: number; cells: Cell[] }[] = [];
  #row = 0;
  #cells: Cell[] = [];
  #column = -1;
  #type = '';
  #style = -1;
  #parts = { v: '', f: '', t: '' };
  #within: 'v' | 'f' | 't' | undefined;

  constructor(shared: readonly string[], formats: readonly Format[], is1904: boolean) {
    this.#shared = shared;
    this.#formats = formats;
    this.#is1904 = is1904;
  }

  take(): { row: number; cells: Cell[] }[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  open(tag: string, { r, t = 'n', s }: Readonly<Record<string, string>>): void {
    if (tag === 'row') {
      // Rows and cells need not say where they are.
      this.#row = Number(r) || this.#row + 1;
      this.#cells = [];
      this.#column = -1;
    } else if (tag === 'c') {
      this.#column = columnOf(r ?? '') ?? this.#column + 1;
      this.#type = t;
      this.#style = s === undefined ? -1 : Number(s);
      this.#parts = { v: '', f: '', t: '' };
    } else if (tag === 'v' || tag === 'f' || tag === 't') this.#within = tag;
  }

  close(tag: string): void {
    if (tag === 'row') this.#rows.push({ row: this.#row, cells: this.#cells });
    else if (tag === 'c') {
      const isNumber = this.#type === 'n' && this.#parts.v !== '';
      this.#cells.push({ column: this.#column, text: this.#value(), isNumber });
    } else if (tag === this.#within) this.#within = undefined;
  }

  text(text: string): void {
    if (this.#within) this.#parts[this.#within] += text;
  }

  #value(): string {
    const { v, f, t } = this.#parts;
    if (this.#type === 's') return this.#shared[Number(v)] ?? '';
    if (this.#type === 'inlineStr') return t;
    if (this.#type === 'b') return v === '1' ? 'TRUE' : 'FALSE';
    if (v === '' && f !== '') {
      this.formulas++;
      return `=${f}`;
    }
    if (this.#type !== 'n' || v === '' || !Number.isFinite(Number(v))) return v;
    const format = this.#formats[this.#style];
    if (format === 'date') return dateText(Number(v), this.#is1904);
    // Fifteen digits are what the program keeps and shows.
    const digits = (value: number) => String(Number(value.toPrecision(15)));
    return format === 'percent' ? `${digits(100 * Number(v))}%` : digits(Number(v));
  }
}

/** The column of "B7", from 0; undefined for what is no cell. */
function columnOf(cell: string): number | undefined {
  const letters = /^[A-Z]{1,3}(?=\d)/.exec(cell)?.[0];
  if (letters === undefined) return undefined;
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}

/** "2026-01-31", "2026-01-31 14:30:00" or "14:30:00", for days since the end of 1899 (or since 1904). */
function dateText(days: number, is1904: boolean): string {
  const seconds = Math.round(days * 86_400);
  // Day 60 is 29 February 1900, which Lotus 1-2-3 believed in; days before it are one further.
  const epoch = is1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, days < 60 ? 31 : 30);
  const date = new Date(epoch + seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(days);
  const [day, time] = date.toISOString().slice(0, 19).split('T');
  if (seconds % 86_400 === 0) return day;
  return days >= 0 && days < 1 ? time : `${day} ${time}`;
}
