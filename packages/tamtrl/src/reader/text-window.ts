/** A text that comes in pieces, of which the part is held that is still needed. */
export class TextWindow {
  readonly #source: AsyncIterator<string>;
  #text = '';
  #start = 0;
  #ended = false;

  constructor(source: AsyncIterable<string>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The characters from one offset to before another; undefined if the text ends before. */
  async slice(from: number, to: number): Promise<string | undefined> {
    const text = await this.upTo(from, to - from);
    return text.length === to - from ? text : undefined;
  }

  /** At most so many characters from an offset on; fewer only at the end of the text. */
  async upTo(from: number, most: number): Promise<string> {
    const bits = [this.#text];
    for (let end = this.#start + this.#text.length; end < from + most && !this.#ended; ) {
      const { value, done } = await this.#source.next();
      if (done) this.#ended = true;
      else {
        bits.push(value);
        end += value.length;
      }
    }
    if (bits.length > 1) this.#text = bits.join('');
    return this.#text.slice(from - this.#start, from - this.#start + most);
  }

  /** All that follows an offset, which is forgotten as it is given out. */
  async *rest(from: number): AsyncGenerator<string> {
    const held = this.#text.slice(from - this.#start);
    this.#text = '';
    if (held !== '') yield held;
    for (let next = await this.#source.next(); !next.done; next = await this.#source.next()) yield next.value;
    this.#ended = true;
  }

  /** Forgets what comes before an offset. */
  drop(before: number): void {
    this.#text = this.#text.slice(before - this.#start);
    this.#start = before;
  }

  /** The rest of the text is not wanted. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.();
    this.#ended = true;
  }
}
