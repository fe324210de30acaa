/** How often texts end with their drafts. If almost all of them do, their keys and values are not worth returning. */

/** Texts after which an observation counts half. */
const HALF = 32;
/** Returning keys and values costs about a twentieth of reading; without them, a text that goes on is read again. */
const LIKELY = 0.96;

export class Endings {
  #share = 0;

  /** @param ended how many of `texts` have no sequence that goes on */
  saw(ended: number, texts: number): void {
    this.#share += (1 - 0.5 ** (texts / HALF)) * (ended / texts - this.#share);
  }

  get areLikely(): boolean {
    return this.#share > LIKELY;
  }
}
