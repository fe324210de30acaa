/** Word documents, by ECMA-376 part 1: paragraphs, lists and tables become HTML, which is read as pages are. */
import type { PlacedText } from '../places.js';
import type { Archive } from './archive.js';
import { HtmlText } from './html.js';
import { leftOut, relationsOf } from './ooxml.js';
import { escaped, readXml, type XmlEvents, xmlEvents } from './xml.js';

export const WORD_PART = 'word/document.xml';

/** Content that repeats other content, or that was deleted. */
const SKIPPED = new Set(['Fallback', 'moveFrom', 'del', 'instrText', 'delText']);
const TABLE_TAGS: Readonly<Record<string, string>> = { tbl: 'table', tr: 'tr', tc: 'td' };
const MAX_HEADING = 6;

/**
 * The text of a Word document: the body, then its footnotes and endnotes. Sections are its places.
 * @throws ReaderError `input` for a damaged document.
 */
export async function* docxText(
  archive: Archive,
  name: string,
  onNote: ((note: string) => void) | undefined,
): AsyncGenerator<PlacedText> {
  const relations = [...(await relationsOf(archive, WORD_PART, name)).values()];
  const partOf = (type: string) => {
    const path = relations.find((each) => each.type === type)?.path;
    return path !== undefined && archive.has(path) ? path : undefined;
  };
  const styles = partOf('styles');
  const notes: Notes = new Map();
  const levels = styles === undefined ? new Map<string, number>() : await headingLevels(archive, styles, name);
  yield* partText(archive, WORD_PART, name, levels, notes);
  for (const type of ['footnotes', 'endnotes'] as const) {
    const part = partOf(type);
    if (part !== undefined) yield* partText(archive, part, name, levels, notes);
  }
  const comments = partOf('comments');
  const count = comments === undefined ? 0 : await countOf(archive, comments, name, 'comment');
  const headers = relations.filter(({ type }) => type === 'header' || type === 'footer').length;
  const left = leftOut(archive, 'word/', [
    [count, 'comment', 'comments'],
    [headers, 'header or footer', 'headers and footers'],
  ]);
  if (left !== undefined) onNote?.(`${name}: ${left} left out`);
}

/** Numbers of footnotes and endnotes by their kind and id, in the order in which the text refers to them. */
type Notes = Map<string, number>;

/**
 * Levels of the styles that are headings, from 1, by their ids. Their ids depend on the language, their names do not.
 */
async function headingLevels(archive: Archive, part: string, name: string): Promise<Map<string, number>> {
  const levels = new Map<string, number>();
  let style = '';
  await readXml(archive.stream(part), name, {
    open(tag, { styleId, val = '' }) {
      if (tag === 'style') style = styleId ?? '';
      else if (tag === 'name') {
        const level = /^(?:heading (\d)|(title))$/i.exec(val);
        if (level) levels.set(style, level[2] ? 1 : Number(level[1]));
      } else if (tag === 'outlineLvl' && Number(val) < MAX_HEADING && !levels.has(style)) {
        levels.set(style, Number(val) + 1);
      }
    },
  });
  return levels;
}

async function countOf(archive: Archive, part: string, name: string, tag: string): Promise<number> {
  let count = 0;
  await readXml(archive.stream(part), name, {
    open(found) {
      if (found === tag) count++;
    },
  });
  return count;
}

async function* partText(
  archive: Archive,
  part: string,
  name: string,
  levels: ReadonlyMap<string, number>,
  notes: Notes,
): AsyncGenerator<PlacedText> {
  const body = new Body(levels, notes);
  const text = new HtmlText(name, { title: false });
  let some = part === WORD_PART;
  for await (const _ of xmlEvents(archive.stream(part), name, body)) {
    const piece = text.write(body.take());
    // Notes come after the body, on lines of their own.
    if (!some && piece.text !== '') yield { text: '\n\n', places: [] };
    some ||= piece.text !== '';
    yield piece;
  }
  yield text.end();
}

interface Paragraph {
  html: string;
  level: number;
  isItem: boolean;
}

/** Turns the events of a part into HTML. */
class Body implements XmlEvents {
  readonly #levels: ReadonlyMap<string, number>;
  readonly #notes: Notes;
  #html = '';
  /** Begins the next paragraph: the number of a note. */
  #mark = '';
  #tables = 0;
  #skipped = 0;
  /** Paragraphs that are open: one within a picture lies within another. */
  readonly #open: Paragraph[] = [];
  #inRun = 0;
  #inText = 0;
  #inList = false;

  constructor(levels: ReadonlyMap<string, number>, notes: Notes) {
    this.#levels = levels;
    this.#notes = notes;
  }

  take(): string {
    const html = this.#html;
    this.#html = '';
    return html;
  }

  open(tag: string, { val = '', id, type }: Readonly<Record<string, string>>): void {
    if (SKIPPED.has(tag)) this.#skipped++;
    if (this.#skipped > 0) return;
    const paragraph = this.#open[this.#open.length - 1];
    if (tag === 'p') this.#open.push({ html: '', level: 0, isItem: false });
    else if (tag === 'r') this.#inRun++;
    else if (tag === 't') this.#inText++;
    else if (TABLE_TAGS[tag]) {
      this.#tables += Number(tag === 'tbl');
      this.#tag(`<${TABLE_TAGS[tag]}>`);
    } else if (tag === 'footnote' || tag === 'endnote') {
      const number = this.#notes.get(`${tag} ${id}`);
      // Lines that divide notes from the text have a type.
      if (number !== undefined && type === undefined) this.#mark = `[${number}] `;
    } else if (paragraph === undefined) return;
    else if (tag === 'pStyle') paragraph.level = this.#levels.get(val) ?? paragraph.level;
    else if (tag === 'outlineLvl' && Number(val) < MAX_HEADING) paragraph.level = Number(val) + 1;
    else if (tag === 'numId') paragraph.isItem = val !== '0';
    else if (this.#inRun === 0) return;
    else if (tag === 'tab') paragraph.html += ' ';
    else if (tag === 'br' || tag === 'cr') paragraph.html += '<br>';
    else if (tag === 'noBreakHyphen') paragraph.html += '-';
    else if (tag === 'footnoteReference' || tag === 'endnoteReference') {
      const number = this.#notes.size + 1;
      this.#notes.set(`${tag.slice(0, -'Reference'.length)} ${id}`, number);
      paragraph.html += ` [${number}]`;
    }
  }

  close(tag: string): void {
    if (SKIPPED.has(tag)) this.#skipped--;
    if (this.#skipped > 0) return;
    if (tag === 'p') this.#endParagraph();
    else if (tag === 'r') this.#inRun--;
    else if (tag === 't') this.#inText--;
    else if (TABLE_TAGS[tag]) {
      this.#tables -= Number(tag === 'tbl');
      this.#tag(`</${TABLE_TAGS[tag]}>`);
    }
  }

  text(text: string): void {
    if (this.#skipped > 0 || this.#inText === 0) return;
    const paragraph = this.#open[this.#open.length - 1];
    if (paragraph) paragraph.html += escaped(text);
  }

  #endParagraph(): void {
    const paragraph = this.#open.pop();
    if (paragraph === undefined) return;
    const { level, isItem } = paragraph;
    const html = paragraph.html === '' ? '' : this.#mark + paragraph.html;
    if (html !== '') this.#mark = '';
    const outer = this.#open[this.#open.length - 1];
    // The text of a picture belongs to the paragraph that it is in.
    if (outer) outer.html += ` ${html} `;
    else if (level > 0) this.#tag(`<h${level}>${html}</h${level}>`);
    else if (isItem) {
      this.#html += `${this.#inList ? '' : '<ul>'}<li>${html}</li>`;
      this.#inList = true;
    } else if (this.#tables > 0) this.#tag(`<div>${html}</div>`);
    else this.#tag(`<p>${html}</p>`);
  }

  #tag(html: string): void {
    if (this.#inList) this.#html += '</ul>';
    this.#inList = false;
    this.#html += html;
  }
}
