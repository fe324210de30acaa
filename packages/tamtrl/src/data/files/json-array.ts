/** Parses the elements of a JSON array one by one, so that a file of gigabytes need not be parsed as a whole. */
import { DataError } from '../errors.js';

/**
 * Elements of an array. The array is the whole text or, if the text is an object (SQuAD, exports of several tools), the
 * value of its top-level key `data`, `records` or `rows`. Anything before that key is skipped.
 * @throws DataError `record` with the element's number if the text is not JSON.
 */
export async function* jsonElements(source: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<unknown> {
  const decoder = new TextDecoder('utf-8');
  const scanner = new ElementScanner(path);
  for await (const bytes of source) yield* scanner.push(decoder.decode(bytes, { stream: true }));
  yield* scanner.push(decoder.decode());
  scanner.end();
}

const KEYS = new Set(['data', 'records', 'rows']);

class ElementScanner {
  readonly #path: string;
  #depth = 0;
  /** Depth of the array whose elements to yield: 1 for a bare array, 2 within an object, 0 before it is found. */
  #level = 0;
  #inString = false;
  #escaped = false;
  #done = false;
  #element = '';
  #count = 0;
  /** Last string at depth 1 of an object, and whether a colon came after it. */
  #key = '';
  #keyed = false;

  constructor(path: string) {
    this.#path = path;
  }

  *push(text: string): Generator<unknown> {
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const character = text[at];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === '\\') this.#escaped = true;
        else if (character === '"') this.#inString = false;
        if (this.#level === 0 && this.#depth === 1 && this.#inString) this.#key += character;
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
    if (this.#level > 0) this.#element += text.slice(from);
  }

  *#finish(rest: string): Generator<unknown> {
    const text = this.#element + rest;
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
