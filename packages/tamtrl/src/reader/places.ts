/**
 * Places of a document by the names that people have for them: "page 12", "sheet Prices, cell B7", "notes.txt:40". They
 * travel with the text as it is read, and are forgotten once the text behind them has been read. Needs no Node.
 */

/** A place begins here, and lasts to the next one. */
export interface Place {
  /** Offset in the text that it comes with, in UTF-16 code units. */
  at: number;
  /** Empty where the text belongs to no place. */
  label: string;
}

/** A piece of a document's text, with the places that begin in it, in order. */
export interface PlacedText {
  text: string;
  places: readonly Place[];
}

export type TextPiece = string | PlacedText;

/** Characters of a label: a sheet or a chapter can have any name. */
const LONGEST = 120;

/** A name from a document as a label shows it: on one line, and of a length that can be looked through. */
export function labelOf(name: string): string {
  const line = name.replaceAll(/\s+/g, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}

export const placed = (piece: TextPiece): PlacedText =>
  typeof piece === 'string' ? { text: piece, places: [] } : piece;

/** Pieces that follow one another, as one. */
export function joinedPieces(pieces: readonly PlacedText[]): PlacedText {
  let text = '';
  const places: Place[] = [];
  for (const piece of pieces) {
    for (const { at, label } of piece.places) places.push({ at: text.length + at, label });
    text += piece.text;
  }
  return { text, places };
}

/** The same piece, with a name before each of its labels: "report.pdf, page 12", but "a.ts:40" for lines. */
export function placedUnder(name: string, { text, places }: PlacedText): PlacedText {
  const under = (label: string) => {
    if (label === '') return name;
    return /^line \d+$/.test(label) ? `${name}:${label.slice(5)}` : `${name}, ${label}`;
  };
  return { text, places: places.map(({ at, label }) => ({ at, label: under(label) })) };
}

/** Each piece with the lines that begin in it. The pieces may be cut anywhere. */
export async function* withLines(pieces: AsyncIterable<string>): AsyncGenerator<PlacedText> {
  let line = 1;
  let begins = true;
  for await (const text of pieces) {
    const places: Place[] = [];
    for (let at = 0; at < text.length; ) {
      if (begins) places.push({ at, label: `line ${line++}` });
      const end = text.indexOf('\n', at);
      begins = end >= 0;
      at = begins ? end + 1 : text.length;
    }
    yield { text, places };
  }
}

/** The places of the text that has been taken but not yet read, by their offset in the whole text. */
export class Places {
  #list: { start: number; label: string }[] = [];

  /** Passes text on, and remembers its places. @param from offset of the first piece */
  async *record(source: AsyncIterable<PlacedText>, from: number): AsyncGenerator<string> {
    let start = from;
    for await (const { text, places } of source) {
      for (const { at, label } of places) this.#list.push({ start: start + at, label });
      start += text.length;
      yield text;
    }
  }

  clear(): void {
    this.#list = [];
  }

  /** Forgets what ended before an offset. */
  drop(before: number): void {
    let first = 0;
    while (first + 1 < this.#list.length && this.#list[first + 1].start <= before) first++;
    if (first > 0) this.#list.splice(0, first);
  }

  /** What the characters from `start` to `end` lie in; undefined if nothing is known of it. */
  between(start: number, end: number): string | undefined {
    const first = this.#at(start);
    if (first === undefined || first === '') return undefined;
    const last = this.#at(Math.max(start, end - 1)) ?? first;
    return last === '' ? first : rangeOf(first, last);
  }

  #at(offset: number): string | undefined {
    let low = 0;
    let high = this.#list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#list[middle].start <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#list[low - 1]?.label;
  }

  /** As plain JSON. */
  get list(): { start: number; label: string }[] {
    return [...this.#list];
  }

  set list(list: readonly { start: number; label: string }[]) {
    this.#list = [...list];
  }
}

/** "page 3-5", "sheet Prices, cell B7:D7", "a.txt:3 to b.txt:1" */
function rangeOf(first: string, last: string): string {
  if (first === last) return first;
  const cells = /^(.*\bcell )([A-Z]+\d+)$/s;
  const numbers = /^(.*\D)(\d+)$/s;
  for (const [pattern, sign] of [
    [cells, ':'],
    [numbers, '-'],
  ] as const) {
    const [from, to] = [pattern.exec(first), pattern.exec(last)];
    if (from && to && from[1] === to[1]) return `${first}${sign}${to[2]}`;
    // Two cells may have the same column and another sheet.
    if (from && to && pattern === cells) break;
  }
  return `${first} to ${last}`;
}
