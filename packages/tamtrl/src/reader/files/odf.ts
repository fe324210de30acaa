/** Documents of LibreOffice (OpenDocument 1.3): text, presentations and spreadsheets, all from one part. */
import { labelOf, type PlacedText } from '../places.js';
import type { Archive } from './archive.js';
import { HtmlText } from './html.js';
import { leftOut } from './ooxml.js';
import { type Cell, columnName, TableText } from './table-text.js';
import { escaped, type XmlEvents, xmlEvents } from './xml.js';

export const ODF_PART = 'content.xml';

const TAGS: Readonly<Record<string, string>> = {
  list: 'ul',
  'list-item': 'li',
  table: 'table',
  'table-row': 'tr',
  'table-cell': 'td',
};
/** What was deleted, what others remark, and the titles of pictures. */
const SKIPPED = new Set(['tracked-changes', 'note-citation', 'annotation', 'desc', 'title', 'scripts', 'forms']);
const MAX_HEADING = 6;
/** Copies of a cell or of blanks that are written out; a row may say that it has a million empty ones. */
const MAX_COPIES = 100;

/** @throws ReaderError `input` for a damaged document. */
export async function* odfText(
  archive: Archive,
  name: string,
  onNote: ((note: string) => void) | undefined,
): AsyncGenerator<PlacedText> {
  const mimetype = archive.has('mimetype') ? new TextDecoder().decode(await archive.whole('mimetype')) : '';
  if (mimetype.includes('spreadsheet')) yield* sheets(archive, name);
  else yield* flow(archive, name, mimetype.includes('presentation'));
  const left = leftOut(archive, '');
  if (left !== undefined) onNote?.(`${name}: ${left} left out`);
}

async function* flow(archive: Archive, name: string, hasSlides: boolean): AsyncGenerator<PlacedText> {
  const events = new Flow(hasSlides);
  const text = new HtmlText(name, { title: false });
  for await (const _ of xmlEvents(archive.stream(ODF_PART), name, events)) {
    for (const { html, slide } of events.take()) {
      const piece = text.write(html);
      yield piece;
      if (slide > 0) yield { text: '', places: [{ at: 0, label: `slide ${slide}` }] };
    }
  }
  yield text.end();
}

/** Turns the events of text and slides into HTML. */
class Flow implements XmlEvents {
  readonly #hasSlides: boolean;
  #done: { html: string; slide: number }[] = [];
  #html = '';
  #skipped = 0;
  #slides = 0;
  /** Paragraphs that are open: spaces between others are none of the text. */
  #open = 0;
  #levels: number[] = [];
  /** Tables and lists that are open: their paragraphs are no blank line apart. */
  #close = 0;
  #notes = 0;
  /** Stands before the next text: what the speaker's notes begin with. */
  #before = '';

  constructor(hasSlides: boolean) {
    this.#hasSlides = hasSlides;
  }

  /** HTML, and the number of a slide that begins after it (0: none). */
  take(): { html: string; slide: number }[] {
    const done = [...this.#done, { html: this.#html, slide: 0 }];
    this.#done = [];
    this.#html = '';
    return done;
  }

  open(tag: string, attributes: Readonly<Record<string, string>>): void {
    if (this.#isSkipped(tag)) this.#skipped++;
    if (this.#skipped > 0) return;
    if (tag === 'p' || tag === 'h') this.#open++;
    if (tag === 'notes') this.#before = 'Notes: ';
    if (tag === 'page' && this.#hasSlides) {
      this.#done.push({ html: this.#html, slide: ++this.#slides });
      this.#html = `<p>Slide ${this.#slides}</p>`;
    } else if (tag === 'h') {
      const level = Math.min(Math.max(1, Number(attributes['outline-level']) || 1), MAX_HEADING);
      this.#levels.push(level);
      this.#html += `<h${level}>`;
    } else if (tag === 'p') this.#html += this.#paragraph('');
    else if (TAGS[tag]) {
      this.#close += Number(tag === 'table' || tag === 'list');
      this.#html += `<${TAGS[tag]}>`;
    } else if (tag === 's') this.#html += ' ';
    else if (tag === 'tab') this.#html += ' ';
    else if (tag === 'line-break') this.#html += '<br>';
    else if (tag === 'note-body') {
      this.#notes++;
      this.#html += ' (note: ';
    }
  }

  /** The number of a slide is a field that holds "<number>". */
  #isSkipped(tag: string): boolean {
    return SKIPPED.has(tag) || (this.#hasSlides && tag === 'page-number');
  }

  close(tag: string): void {
    if (this.#isSkipped(tag)) this.#skipped--;
    if (this.#skipped > 0) return;
    if (tag === 'p' || tag === 'h') this.#open--;
    if (tag === 'notes') this.#before = '';
    if (tag === 'h') this.#html += `</h${this.#levels.pop() ?? 1}>`;
    else if (tag === 'p') this.#html += this.#paragraph('/');
    else if (TAGS[tag]) {
      this.#close -= Number(tag === 'table' || tag === 'list');
      this.#html += `</${TAGS[tag]}>`;
    } else if (tag === 'note-body') {
      this.#notes--;
      this.#html += ')';
    }
  }

  /** A note stands within the paragraph that it belongs to. */
  #paragraph(slash: '' | '/'): string {
    if (this.#notes > 0) return slash === '' ? '' : ' ';
    return this.#close > 0 ? `<${slash}div>` : `<${slash}p>`;
  }

  text(text: string): void {
    if (this.#skipped > 0 || this.#open === 0) return;
    const isText = text.trim() !== '';
    this.#html += (isText ? this.#before : '') + escaped(text);
    if (isText) this.#before = '';
  }
}

async function* sheets(archive: Archive, name: string): AsyncGenerator<PlacedText> {
  const events = new Sheets();
  let table: TableText | undefined;
  let some = false;
  // Of a sheet that has had no row yet: one without any is not named.
  let heading: PlacedText | undefined;
  for await (const _ of xmlEvents(archive.stream(ODF_PART), name, events)) {
    for (const { sheet, row, cells } of events.take()) {
      if (row === 0) {
        const label = labelOf(sheet);
        table = new TableText((at, column) => `sheet ${label}, cell ${columnName(column)}${at}`);
        heading = { text: `${some ? '\n' : ''}Sheet ${label}:\n\n`, places: [{ at: 0, label: `sheet ${label}` }] };
      } else if (table) {
        if (heading) yield heading;
        heading = undefined;
        some = true;
        yield table.row(row, cells);
      }
    }
  }
}

/** How often a row or a cell is there; no sheet has more than a million rows. */
const repeats = (value: string | undefined) => Math.min(Math.max(1, Math.floor(Number(value)) || 1), 2 ** 20);

/** Collects rows; row 0 begins a sheet. */
class Sheets implements XmlEvents {
  #rows: { sheet: string; row: number; cells: Cell[] }[] = [];
  #row = 0;
  #rowCopies = 1;
  #cells: Cell[] = [];
  #column = 0;
  #copies = 1;
  #isNumber = false;
  #text = '';
  #open = 0;
  #skipped = 0;

  take(): { sheet: string; row: number; cells: Cell[] }[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  open(tag: string, attributes: Readonly<Record<string, string>>): void {
    if (SKIPPED.has(tag)) this.#skipped++;
    if (this.#skipped > 0) return;
    if (tag === 'table') {
      this.#row = 0;
      this.#rows.push({ sheet: attributes.name ?? '', row: 0, cells: [] });
    } else if (tag === 'table-row') {
      this.#rowCopies = repeats(attributes['number-rows-repeated']);
      this.#cells = [];
      this.#column = 0;
    } else if (tag === 'table-cell' || tag === 'covered-table-cell') {
      this.#copies = repeats(attributes['number-columns-repeated']);
      this.#isNumber = attributes['value-type'] !== undefined && attributes['value-type'] !== 'string';
      this.#text = '';
    } else if (tag === 'p') {
      if (this.#text !== '') this.#text += '\n';
      this.#open++;
    } else if (tag === 's') this.#text += ' ';
  }

  close(tag: string): void {
    if (SKIPPED.has(tag)) this.#skipped--;
    if (this.#skipped > 0) return;
    if (tag === 'p') this.#open--;
    else if (tag === 'table-cell' || tag === 'covered-table-cell') {
      if (this.#text !== '') {
        for (let copy = 0; copy < Math.min(this.#copies, MAX_COPIES); copy++) {
          this.#cells.push({ column: this.#column + copy, text: this.#text, isNumber: this.#isNumber });
        }
      }
      this.#column += this.#copies;
    } else if (tag === 'table-row') {
      const copies = this.#cells.length === 0 ? 0 : Math.min(this.#rowCopies, MAX_COPIES);
      for (let copy = 1; copy <= copies; copy++) {
        this.#rows.push({ sheet: '', row: this.#row + copy, cells: this.#cells });
      }
      this.#row += this.#rowCopies;
    }
  }

  text(text: string): void {
    if (this.#skipped === 0 && this.#open > 0) this.#text += text;
  }
}
