/** The accumulated gradient. The first array of a parameter becomes its sum, so that nothing is cleared or copied. */
import { addRows, addTo, type ParameterSet } from '../models/parameters.js';

export class Gradients {
  readonly #sums: ParameterSet = new Map();

  get(name: string): Float32Array | undefined {
    return this.#sums.get(name);
  }

  /** By parameter; the caller must not use this object again if it takes ownership. */
  get all(): ParameterSet {
    return this.#sums;
  }

  values(): Iterable<Float32Array> {
    return this.#sums.values();
  }

  /** Adds an array and takes ownership of it. */
  add(name: string, gradient: Float32Array): void {
    const sum = this.#sums.get(name);
    if (sum) addTo(sum, gradient);
    else this.#sums.set(name, gradient);
  }

  /** Adds row i of `rows` to row ids[i] of a table of `size` numbers, `width` a row: the gradient of a look-up. */
  addRows(name: string, size: number, ids: ArrayLike<number>, rows: Float32Array, width: number): void {
    let sum = this.#sums.get(name);
    if (!sum) {
      sum = new Float32Array(size);
      this.#sums.set(name, sum);
    }
    addRows(sum, ids, rows, width);
  }

  clear(): void {
    this.#sums.clear();
  }
}
