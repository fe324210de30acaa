/**
 * Cuts a text that arrives in parts into pieces of a limited number of tokens, with a window of constant size.
 *
 * Tokenizers give no offsets, and a prefix of a text does not tokenize like the text, so the cutter works with units: a
 * word with the blanks before it and the line breaks after it. It counts each unit once (repeated words come from a
 * cache), uses the sum to find a likely cut, and checks the cut by tokenizing the whole piece. Every character is
 * tokenized a small constant number of times, however long the text. The cuts depend only on the text, not on the parts
 * in which it arrives.
 */
import { TextError } from './errors.js';
import { codePointLength, graphemeEnd, halfOf } from './graphemes.js';
import { splitSentences } from './sentences.js';
import type { Tokenizer } from './tokenizer.js';

/** Blanks, then a word of at most 32 code points (or one that ends in an ideographic full stop), then line breaks. */
const UNIT = /[^\S\n]{0,32}(?:[^\s。！？]{0,31}(?:[。！？]{1,8}[」』”’）]{0,4}|[^\s])|\s)(?:\s{0,32}\n)?/uy;
/** Longer than any unit: a unit that starts this far from the end of the window cannot grow with more text. */
const LONGEST_UNIT = 256;
/** How much text the segmenter must see after a sentence before it can end the sentence. */
const LOOKAHEAD = 64;
const CACHED_UNITS = 50_000;
/** Longer units are not cached: V8 would keep the whole window alive for a slice of more than 12 characters. */
const CACHED_LENGTH = 12;
/** Guesses by interpolation before bisection takes over. */
const INTERPOLATIONS = 6;

export interface CutterOptions {
  /** Maximum number of tokens in a piece. */
  chunkTokens: number;
  /**
   * `token` fills a piece as far as whole words allow. `sentence` ends a piece after the last sentence, or else the
   * last line, that ends in its second half.
   */
  align: 'token' | 'sentence';
}

export interface CutPiece {
  text: string;
  /** Tokens of `text` on its own; at most `chunkTokens`. */
  ids: number[];
  /** Offset of `text` in all text pushed so far. */
  start: number;
}

interface Unit {
  /** Offset in the buffer after the unit. */
  end: number;
  /** Sum of the tokens of all units so far, each counted on its own. */
  total: number;
}

export class TokenCutter {
  readonly #tokenizer: Tokenizer;
  readonly #options: CutterOptions;
  readonly #counts = new Map<string, number>();
  #buffer = '';
  #bufferStart = 0;
  #units: Unit[] = [];
  #finished = false;

  constructor(tokenizer: Tokenizer, options: CutterOptions) {
    if (!Number.isInteger(options.chunkTokens) || options.chunkTokens < 1) {
      throw new TextError(
        'chunk-size',
        `chunkTokens is ${options.chunkTokens}, expected a whole number of at least 1.`,
      );
    }
    this.#tokenizer = tokenizer;
    this.#options = options;
  }

  /** Characters held at the moment. */
  get heldCharacters(): number {
    return this.#buffer.length;
  }

  push(text: string): void {
    this.#buffer += text;
  }

  /** Says that no more text will come, so that the rest can be cut. */
  finish(): void {
    this.#finished = true;
  }

  /** The next piece, or undefined if more text is needed (after `finish`: if there is none left). */
  next(): CutPiece | undefined {
    if (!this.#scan()) return undefined;
    if (this.#units.length === 0) return undefined;
    const { count, ids } = this.#fill();
    const best = this.#alignedCount(count);
    const piece = best === count ? { count, ids } : this.#shrinkToFit(best);
    return this.#take(piece.count, piece.ids);
  }

  /** Counts units until they hold twice the budget. Returns false if the window must grow first. */
  #scan(): boolean {
    // Twice, because units counted one by one can have more tokens than the text they make up.
    const wanted = 2 * this.#options.chunkTokens;
    for (;;) {
      const last = this.#units.at(-1);
      if (last && last.total >= wanted) return this.#finished || this.#buffer.length >= last.end + LOOKAHEAD;
      const start = last?.end ?? 0;
      if (start >= this.#buffer.length) return this.#finished;
      if (!this.#finished && this.#buffer.length - start < LONGEST_UNIT) return false;
      UNIT.lastIndex = start;
      const match = UNIT.exec(this.#buffer);
      const end = start + (match?.[0].length ?? codePointLength(this.#buffer, start));
      this.#addUnit(start, graphemeEnd(this.#buffer, start, end));
    }
  }

  /** Adds a unit, halved until each half fits a piece. */
  #addUnit(start: number, end: number): void {
    const text = this.#buffer.slice(start, end);
    const count = this.#count(text);
    if (count <= this.#options.chunkTokens) {
      // At least one, so that blanks that a tokenizer drops cannot make the window grow for ever.
      this.#units.push({ end, total: (this.#units.at(-1)?.total ?? 0) + Math.max(1, count) });
      return;
    }
    if (codePointLength(this.#buffer, start) >= end - start) {
      throw new TextError(
        'chunk-size',
        `chunkTokens is ${this.#options.chunkTokens}, but the character ${JSON.stringify(text)} alone has ${count} tokens. Use larger chunks.`,
      );
    }
    const cut = start + halfOf(text);
    this.#addUnit(start, cut);
    this.#addUnit(cut, end);
  }

  #count(text: string): number {
    if (text.length > CACHED_LENGTH) return this.#tokenizer.encodeText(text).length;
    const known = this.#counts.get(text);
    if (known !== undefined) return known;
    const count = this.#tokenizer.encodeText(text).length;
    if (this.#counts.size >= CACHED_UNITS) this.#counts.clear();
    this.#counts.set(text, count);
    return count;
  }

  #encode(count: number): number[] {
    return this.#tokenizer.encodeText(this.#buffer.slice(0, this.#units[count - 1].end));
  }

  /**
   * As many units as fit (one always does), found by interpolating between counts that are known to fit and counts that
   * do not.
   */
  #fill(): { count: number; ids: number[] } {
    const { chunkTokens } = this.#options;
    let fits = 0;
    let fitsIds: number[] = [];
    let tooMany = this.#units.length + 1;
    let ratio = 1;
    for (let round = 0; tooMany - fits > 1; round++) {
      const base = fits === 0 ? 0 : this.#units[fits - 1].total;
      const interpolated = this.#unitsWithin(base + (chunkTokens - fitsIds.length) / ratio);
      const wish = round < INTERPOLATIONS ? interpolated : (fits + tooMany) >> 1;
      const guess = Math.min(Math.max(wish, fits + 1), tooMany - 1);
      const ids = this.#encode(guess);
      ratio = ids.length / Math.max(1, this.#units[guess - 1].total);
      if (ids.length > chunkTokens) {
        tooMany = guess;
        continue;
      }
      fits = guess;
      fitsIds = ids;
      // Sums of single counts are nearly always exact: if the next unit overflows by them, do not tokenize again.
      if (
        fits < this.#units.length &&
        ids.length + this.#units[fits].total - this.#units[fits - 1].total > chunkTokens
      ) {
        break;
      }
    }
    return { count: fits, ids: fitsIds };
  }

  /** Number of units whose total is at most `total`. */
  #unitsWithin(total: number): number {
    let low = 0;
    let high = this.#units.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#units[middle].total <= total) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many of the first `count` units to take so that the piece ends well. */
  #alignedCount(count: number): number {
    if (this.#finished && count === this.#units.length && this.#units[count - 1].end === this.#buffer.length)
      return count;
    if (this.#options.align === 'sentence') {
      const half = this.#units[count - 1].total / 2;
      const ends = this.#sentenceEnds(this.#units[count - 1].end);
      const isEnd = [(end: number) => ends.has(end), (end: number) => this.#buffer[end - 1] === '\n'];
      for (const good of isEnd) {
        for (let taken = count; taken > 0 && this.#units[taken - 1].total > half; taken--) {
          if (good(this.#units[taken - 1].end)) return taken;
        }
      }
    }
    for (let taken = count; taken > 0; taken--) if (this.#betweenWords(this.#units[taken - 1].end)) return taken;
    return count;
  }

  /** Offsets where a sentence ends within the first `end` characters, counting the line breaks after it. */
  #sentenceEnds(end: number): Set<number> {
    const text = this.#buffer.slice(0, end + LOOKAHEAD);
    const ends = new Set<number>();
    for (const sentence of splitSentences(text)) {
      ends.add(sentence.end);
      const blank = /\s*\n/y;
      blank.lastIndex = sentence.end;
      const match = blank.exec(text);
      if (match) ends.add(sentence.end + match[0].length);
    }
    return ends;
  }

  #betweenWords(offset: number): boolean {
    const around = this.#buffer.slice(offset - 1, offset + 1);
    return /\s|^[。！？」』”’）]/.test(around) || offset === this.#buffer.length;
  }

  /** At most `count` units: a shorter text nearly always has fewer tokens, but no tokenizer promises it. */
  #shrinkToFit(count: number): { count: number; ids: number[] } {
    let ids = this.#encode(count);
    let taken = count;
    while (ids.length > this.#options.chunkTokens) ids = this.#encode(--taken);
    return { count: taken, ids };
  }

  #take(count: number, ids: number[]): CutPiece {
    const { end, total } = this.#units[count - 1];
    const piece = { text: this.#buffer.slice(0, end), ids, start: this.#bufferStart };
    this.#buffer = this.#buffer.slice(end);
    this.#bufferStart += end;
    this.#units = this.#units.slice(count).map((unit) => ({ end: unit.end - end, total: unit.total - total }));
    return piece;
  }
}
