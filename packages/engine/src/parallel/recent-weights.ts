/** The weights that a replica has: those of the last few keys, on both sides in the same order. */

/** The live weights and a teacher's. */
const MOST = 2;

export class RecentWeights<Held> {
  readonly #held = new Map<string, Held>();

  get(key: string): Held | undefined {
    return this.#held.get(key);
  }

  /** Forgets the oldest if there are too many. */
  add(key: string, value: Held): void {
    if (this.#held.size >= MOST) this.#held.delete(this.#held.keys().next().value as string);
    this.#held.set(key, value);
  }
}
