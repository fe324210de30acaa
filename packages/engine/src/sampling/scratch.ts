/** Memory for the outputs of runs, used again by the next run: new memory costs more than what is written into it. */

/** Bytes that stay between two runs. A large model computes for so long that new memory does not matter. */
const KEPT_BYTES = 2 ** 26;

export class Scratch {
  readonly #buffers = new Map<string, Float32Array>();
  #bytes = 0;

  /** `count` numbers, whatever they are, that belong to `name` until the next call with this name. */
  take(name: string, count: number): Float32Array {
    const kept = this.#buffers.get(name);
    if (kept && kept.length >= count) return kept.subarray(0, count);
    const buffer = new Float32Array(count);
    const bytes = this.#bytes + buffer.byteLength - (kept?.byteLength ?? 0);
    if (bytes <= KEPT_BYTES) {
      this.#buffers.set(name, buffer);
      this.#bytes = bytes;
    }
    return buffer;
  }
}
