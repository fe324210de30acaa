/** How long work has taken: when to report on it again, and how long the rest will take. */
export class Pace {
  readonly #every: number;
  readonly #now: () => number;
  readonly #begun: number;
  #told: number;

  /** It begins now. @param every milliseconds between two reports @param now milliseconds */
  constructor(every = 0, now: () => number = () => performance.now()) {
    this.#every = every;
    this.#now = now;
    this.#begun = now();
    this.#told = this.#begun;
  }

  /** Seconds since the beginning. */
  get seconds(): number {
    return (this.#now() - this.#begun) / 1000;
  }

  /** Whether enough time has passed since the last report (or the beginning); if so, this is the next one. */
  isDue(): boolean {
    const now = this.#now();
    if (now - this.#told < this.#every) return false;
    this.#told = now;
    return true;
  }

  /** Seconds that `rest` will take if `done`, of the same kind, has taken all the time so far. */
  left(done: number, rest: number): number {
    return Math.max(0, (this.seconds / done) * rest);
  }
}
