/**
 * Reading ahead: most chunks of a long text change nothing in a memory, so the updates of the next chunks are computed
 * together, on the guess that the memory stays as it is until then. From the first change on, what was computed is
 * thrown away. Results are those of reading one chunk after another, since what a policy samples does not depend on the
 * other requests of its call.
 */
import type { MemoryModel } from './turn.js';

/** Most updates that one call computes, beyond one for each reading: more rows make a small model no faster. */
const ROWS = 32;

/** Updates that each of `readings` may have computed at a time: 1 unless guesses that go wrong cost time only. */
export function longestAhead({ capabilities, sharedBy = 1 }: MemoryModel, readings: number): number {
  return capabilities?.speculation ? Math.max(1, Math.floor(ROWS / (readings * sharedBy))) : 1;
}

/** What one reading has computed ahead. It asks for more while its guesses are right, else for less. */
export class Ahead<Update> {
  #width = 1;
  #known: Update[] = [];
  /** Updates that were computed in vain. */
  discarded = 0;

  /** The number of next chunks to compute updates for now; 0 if the next update is known. */
  wanted(longest: number): number {
    return this.#known.length > 0 ? 0 : Math.min(this.#width, longest);
  }

  /** Takes the updates of the next chunks, all computed from the present memory. At least one. */
  put(updates: readonly Update[]): void {
    this.#known = [...updates];
  }

  /** The next chunk's update. */
  take(): Update {
    const update = this.#known.shift();
    if (update === undefined) throw new Error('No update is known: ask `wanted` and `put` some first.');
    return update;
  }

  /** Throws away what is known, for example because other chunks may follow than those that were asked for. */
  forget(): void {
    this.discarded += this.#known.length;
    this.#known = [];
  }

  /** Says whether the update that was taken last changed the memory. */
  saw(changed: boolean): void {
    const left = this.#known.length;
    if (changed && left > 0) {
      this.forget();
      this.#width = Math.max(1, this.#width >> 1);
    } else if (!changed && left === 0) {
      this.#width = Math.min(2 * this.#width, ROWS);
    }
  }
}

/** Whether two memories have the same tokens. */
export function sameMemory(one: readonly number[], other: readonly number[]): boolean {
  return one === other || (one.length === other.length && one.every((id, at) => id === other[at]));
}
