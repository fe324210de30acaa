/** Text that has been taken from a source but not yet read. */
export class TakenText {
  text = '';
  #dropped = 0;

  async *keep(source: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const bit of source) {
      this.text += bit;
      yield bit;
    }
  }

  /** @param read characters of the source that have been read so far */
  drop(read: number): void {
    this.text = this.text.slice(read - this.#dropped);
    this.#dropped = read;
  }
}
