/**
 * The readable text of HTML as it arrives: blocks on lines of their own, cells of a row divided by "|", list items
 * marked. Needs constant memory and time in proportion to the length, because no tree is built.
 */
import { Parser } from 'htmlparser2';
import { MAX_HTML_NESTING } from '../../base/limits.js';
import { ReaderError } from '../errors.js';
import { joinedPieces, labelOf, type Place, type PlacedText } from '../places.js';

/** Elements whose content is not shown. */
const SKIPPED = new Set(['script', 'style', 'nav', 'noscript', 'template', 'svg', 'iframe', 'object']);
const HEADING = /^h[1-6]$/;
/** Line breaks before and after an element. */
const BREAKS = new Map([
  ...'address article aside caption dd details div dt figcaption figure footer form header legend li main option section summary tr'
    .split(' ')
    .map((name) => [name, 1] as const),
  ...'blockquote dl fieldset h1 h2 h3 h4 h5 h6 hr ol p pre table title ul'.split(' ').map((name) => [name, 2] as const),
]);

export class HtmlText {
  readonly #parser: Parser;
  #text = '';
  /** Something has been written. */
  #begun = false;
  /** Line breaks that come before the next word, and what marks a list item after them. */
  #breaks = 0;
  #marker = '';
  /** A blank comes before the next word. */
  #blank = false;
  /** Nothing has been written yet in a cell or item, which blocks in it would divide from its mark. */
  #fresh = false;
  #skipped = 0;
  #preformatted = 0;
  #depth = 0;
  /** Numbers of the next items of open lists; undefined if items have none. */
  readonly #lists: (number | undefined)[] = [];
  /** Cells so far in the rows that are open. */
  readonly #rows: number[] = [];
  /** Headings that have begun in the text that has not been taken yet. */
  #places: Place[] = [];
  /** The heading that is open: its place, and its words so far. */
  #heading: { place: Place; words: string } | undefined;

  readonly #hasTitle: boolean;

  /**
   * @param name of the text, for refusals
   * @param title whether the text of the element `title` is read (default)
   */
  constructor(name: string, { title = true } = {}) {
    this.#hasTitle = title;
    this.#parser = new Parser({
      onopentag: (tag, attributes) => {
        if (++this.#depth > MAX_HTML_NESTING) {
          throw new ReaderError(
            'input',
            `${name} has HTML elements nested more than ${MAX_HTML_NESTING} deep, which no real page does. Rename it to .txt to read it as plain text.`,
          );
        }
        this.#open(tag, attributes);
      },
      onclosetag: (tag) => {
        this.#depth--;
        this.#close(tag);
      },
      ontext: (text) => this.#say(text),
    });
  }

  /** The text of the next piece of HTML, as far as it is certain. Sections are its places. */
  write(html: string): PlacedText {
    this.#parser.write(html);
    return this.#take();
  }

  end(): PlacedText {
    this.#parser.end();
    return this.#take();
  }

  #take(): PlacedText {
    const piece = { text: this.#text, places: this.#places };
    this.#text = '';
    this.#places = [];
    // The name of a heading that is cut here is known only in the next piece.
    if (this.#heading) this.#heading.place.at = 0;
    return piece;
  }

  #open(tag: string, attributes: Readonly<Record<string, string>>): void {
    if (this.#isSkipped(tag)) this.#skipped++;
    if (this.#skipped > 0) return;
    const nested = (tag === 'ul' || tag === 'ol') && this.#lists.length > 0;
    this.#break(nested ? 1 : (BREAKS.get(tag) ?? 0));
    if (tag === 'br') this.#breaks += this.#fresh ? 0 : 1;
    else if (tag === 'pre') this.#preformatted++;
    else if (tag === 'ul') this.#lists.push(undefined);
    else if (tag === 'ol') this.#lists.push(Number.parseInt(attributes.start ?? '1', 10) || 0);
    else if (tag === 'li') this.#item();
    else if (tag === 'tr') this.#rows.push(0);
    else if (tag === 'td' || tag === 'th') this.#cell();
    else if (HEADING.test(tag)) this.#heading = { place: { at: -1, label: '' }, words: '' };
  }

  #close(tag: string): void {
    if (this.#isSkipped(tag)) this.#skipped--;
    if (this.#skipped > 0) return;
    if (HEADING.test(tag)) this.#endHeading();
    if (tag === 'pre') this.#preformatted--;
    else if (tag === 'ul' || tag === 'ol') this.#lists.pop();
    else if (tag === 'tr') {
      this.#rows.pop();
      this.#fresh = false;
    } else if (tag === 'li') this.#fresh = false;
    this.#break((tag === 'ul' || tag === 'ol') && this.#lists.length > 0 ? 1 : (BREAKS.get(tag) ?? 0));
  }

  #isSkipped(tag: string): boolean {
    return SKIPPED.has(tag) || (tag === 'title' && !this.#hasTitle);
  }

  #endHeading(): void {
    if (!this.#heading) return;
    const { place, words } = this.#heading;
    this.#heading = undefined;
    if (words.trim() === '') return;
    place.label = `section "${labelOf(words)}"`;
    this.#places.push(place);
  }

  #item(): void {
    const number = this.#lists.at(-1);
    if (number !== undefined) this.#lists[this.#lists.length - 1] = number + 1;
    const indent = '  '.repeat(Math.min(Math.max(0, this.#lists.length - 1), 10));
    this.#marker = `${indent}${number === undefined ? '-' : `${number}.`} `;
    this.#fresh = true;
  }

  #cell(): void {
    const cells = this.#rows.length === 0 ? 0 : this.#rows[this.#rows.length - 1]++;
    // Only the breaks within a cell end with it; those before the row are written first.
    if (cells > 0) this.#breaks = 0;
    this.#blank = false;
    this.#begin();
    if (cells > 0) this.#text += ' | ';
    this.#fresh = true;
  }

  #break(count: number): void {
    if (count > 0 && !this.#fresh) this.#breaks = Math.max(this.#breaks, count);
    if (count > 0) this.#blank = false;
  }

  /** Writes what is due before the next word. */
  #begin(): void {
    if (this.#begun && this.#breaks > 0) this.#text += '\n'.repeat(this.#breaks);
    else if (this.#blank && this.#begun && !this.#fresh) this.#text += ' ';
    this.#text += this.#marker;
    this.#marker = '';
    this.#breaks = 0;
    this.#blank = false;
    this.#fresh = false;
    this.#begun = true;
  }

  #say(text: string): void {
    if (this.#skipped > 0) return;
    if (this.#preformatted > 0) {
      let end = text.length;
      while (end > 0 && text[end - 1] === '\n') end--;
      if (end > 0) {
        this.#begin();
        this.#text += text.slice(0, end);
      }
      if (this.#begun) this.#breaks += text.length - end;
      return;
    }
    const words = text.replaceAll(/[ \t\n\f\r]+/g, ' ');
    if (words.startsWith(' ')) this.#blank = true;
    if (this.#heading) this.#heading.words += words;
    const body = words.slice(words.startsWith(' ') ? 1 : 0, words.endsWith(' ') ? -1 : undefined);
    if (body === '') return;
    this.#begin();
    if (this.#heading && this.#heading.place.at < 0) this.#heading.place.at = this.#text.length;
    this.#text += body;
    this.#blank = words.endsWith(' ');
  }
}

/** The text of a whole page. @throws ReaderError `input` for what is nested too deep. */
export function htmlText(html: string, name: string): PlacedText {
  const text = new HtmlText(name);
  return joinedPieces([text.write(html), text.end()]);
}
