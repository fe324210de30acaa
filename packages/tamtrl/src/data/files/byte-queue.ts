/** A stream of bytes from which exact numbers of bytes are taken. */
export class ByteQueue {
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #cutShort: () => Error;
  #held: Uint8Array = new Uint8Array(0);

  /** @param cutShort the error for a stream that ends before what is asked of it */
  constructor(source: AsyncIterable<Uint8Array>, cutShort: () => Error) {
    this.#source = source[Symbol.asyncIterator]();
    this.#cutShort = cutShort;
  }

  async atEnd(): Promise<boolean> {
    return this.#held.length === 0 && !(await this.#more());
  }

  async take(count: number): Promise<Uint8Array> {
    while (this.#held.length < count) if (!(await this.#more())) throw this.#cutShort();
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async skip(count: number): Promise<void> {
    let left = count;
    while (left > this.#held.length) {
      left -= this.#held.length;
      this.#held = new Uint8Array(0);
      if (!(await this.#more())) throw this.#cutShort();
    }
    this.#held = this.#held.subarray(left);
  }

  /** False at the end of the source. */
  async #more(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done) return false;
    this.#held = this.#held.length === 0 ? next.value : Buffer.concat([this.#held, next.value]);
    return true;
  }
}
