/** What is kept of the weights used last, by their keys; two sides that see the same keys keep the same. */

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
