/** Parses the elements of a JSON array one by one, so that a file of gigabytes need not be parsed as a whole. */
import { bytesText, MAX_LINE_BYTES } from '../../base/limits.js';
import { DataError } from '../errors.js';

export interface ElementOptions {
  /** Maximum length of an element in characters; default 2^28, as many as a line of JSON Lines may have bytes. */
  maxElement?: number;
}

/**
 * Elements of an array. The array is the whole text or, if the text is an object (SQuAD, exports of several tools), the
 * value of its top-level key `data`, `records` or `rows`. Anything before that key is skipped.
 * @throws DataError `record` with the element's number if the text is not JSON, or an element is too long.
 */
export async function* jsonElements(
  source: AsyncIterable<Uint8Array>,
  path: string,
  { maxElement = MAX_LINE_BYTES }: ElementOptions = {},
): AsyncGenerator<unknown> {
  const decoder = new TextDecoder('utf-8');
  const scanner = new ElementScanner(path, maxElement);
  for await (const bytes of source) yield* scanner.push(decoder.decode(bytes, { stream: true }));
  yield* scanner.push(decoder.decode());
  scanner.end();
}

const KEYS = new Set(['data', 'records', 'rows']);
const LONGEST_KEY = Math.max(...[...KEYS].map((key) => key.length));

class ElementScanner {
  readonly #path: string;
  readonly #maxElement: number;
  #depth = 0;
  /** Depth of the array whose elements to yield: 1 for a bare array, 2 within an object, 0 before it is found. */
  #level = 0;
  #inString = false;
  #escaped = false;
  #done = false;
  #element = '';
  #count = 0;
  /** Beginning of the last string at depth 1 of an object, and whether a colon came after it. */
  #key = '';
  #keyed = false;

  constructor(path: string, maxElement: number) {
    this.#path = path;
    this.#maxElement = maxElement;
  }

  *push(text: string): Generator<unknown> {
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const character = text[at];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === '\\') this.#escaped = true;
        else if (character === '"') this.#inString = false;
        // One character more than the longest key that matters is enough to recognise a longer string.
        const isKey = this.#level === 0 && this.#depth === 1 && this.#inString;
        if (isKey && this.#key.length <= LONGEST_KEY) this.#key += character;
        continue;
      }
      if (character === '"') {
        this.#inString = true;
        if (this.#level === 0 && this.#depth === 1) {
          this.#key = '';
          this.#keyed = false;
        }
      } else if (character === '[' || character === '{') {
        this.#depth++;
        const wanted = this.#depth === 1 || (this.#depth === 2 && this.#keyed && KEYS.has(this.#key));
        if (this.#level === 0 && !this.#done && character === '[' && wanted) {
          this.#level = this.#depth;
          from = at + 1;
        }
      } else if (character === ']' || character === '}') {
        if (this.#level > 0 && this.#depth === this.#level) {
          yield* this.#finish(text.slice(from, at));
          this.#level = 0;
          this.#done = true;
        }
        this.#depth--;
      } else if (this.#level > 0 && this.#depth === this.#level && character === ',') {
        yield* this.#finish(text.slice(from, at));
        from = at + 1;
      } else if (this.#level === 0 && this.#depth === 1 && character === ':') this.#keyed = true;
    }
    if (this.#level > 0) this.#hold(text.slice(from));
  }

  /** Blanks before an element are none of it. */
  #hold(text: string): void {
    this.#element += this.#element === '' ? text.trimStart() : text;
    if (this.#element.length <= this.#maxElement) return;
    throw new DataError(
      'record',
      `${this.#path}, element ${this.#count + 1} has more than ${bytesText(this.#maxElement)} of text, more than a record may have.`,
    );
  }

  *#finish(rest: string): Generator<unknown> {
    this.#hold(rest);
    const text = this.#element;
    this.#element = '';
    if (text.trim() === '') return;
    this.#count++;
    try {
      yield JSON.parse(text);
    } catch (error) {
      throw new DataError('record', `${this.#path}, element ${this.#count}: not JSON: ${(error as Error).message}.`);
    }
  }

  end(): void {
    if (this.#done) return;
    throw new DataError(
      'record',
      this.#level > 0
        ? `${this.#path} ends within element ${this.#count + 1}: the file was cut short.`
        : `${this.#path} is neither a JSON array nor an object with an array under "data", "records" or "rows".`,
    );
  }
}
