/**
 * Keys and values of the sequences that are being decoded, in buffers that JavaScript owns and the graph reads in
 * place.
 */
import type { ModelConfig } from '../models/config.js';
import { float32, type Tensor } from '../runtime/onnx.js';

/**
 * Cache lengths are multiples of this, so that softmax sums the same numbers in the same order whatever the batch
 * holds.
 */
const STEP = 64;

/**
 * Slots of `capacity` tokens each. Layout of every buffer: [slots, keyValueHeads, capacity, headSize]. The live
 * sequences are always the first slots, so that a view of the buffer's beginning is the graph's input.
 */
export class Cache {
  readonly #config: ModelConfig;
  /** One buffer for each layer; none until something is stored, because some calls never store anything. */
  #keys: Float32Array[] = [];
  #values: Float32Array[] = [];
  /** Number of tokens in each slot. */
  readonly lengths: Int32Array;
  capacity: number;

  constructor(
    config: ModelConfig,
    readonly slots: number,
    tokens: number,
  ) {
    this.#config = config;
    this.capacity = roundUp(tokens);
    this.lengths = new Int32Array(slots);
  }

  /** Bytes that one token takes over all layers. */
  static bytesPerToken({ layers, keyValueHeads, headSize }: ModelConfig): number {
    return layers * 2 * keyValueHeads * headSize * 4;
  }

  /** Makes room for `tokens` tokens in each slot and keeps the present ones. */
  reserve(tokens: number): void {
    if (tokens <= this.capacity) return;
    const { keyValueHeads, headSize } = this.#config;
    const capacity = roundUp(tokens);
    for (const buffers of [this.#keys, this.#values]) {
      for (let layer = 0; layer < buffers.length; layer++) {
        const grown = new Float32Array(this.slots * keyValueHeads * capacity * headSize);
        for (let row = 0; row < this.slots * keyValueHeads; row++) {
          const from = row * this.capacity * headSize;
          grown.set(buffers[layer].subarray(from, from + this.capacity * headSize), row * capacity * headSize);
        }
        buffers[layer] = grown;
      }
    }
    this.capacity = capacity;
  }

  #allocate(): void {
    if (this.#keys.length > 0) return;
    const { keyValueHeads, headSize, layers } = this.#config;
    const size = this.slots * keyValueHeads * this.capacity * headSize;
    this.#keys = Array.from({ length: layers }, () => new Float32Array(size));
    this.#values = Array.from({ length: layers }, () => new Float32Array(size));
  }

  /** Slots `first` to `first + count` as graph inputs. */
  feeds(first: number, count: number): Record<string, Tensor> {
    this.#allocate();
    const { keyValueHeads, headSize, layers } = this.#config;
    const dims = [count, keyValueHeads, this.capacity, headSize];
    const slot = keyValueHeads * this.capacity * headSize;
    const view = (buffer: Float32Array) => buffer.subarray(first * slot, (first + count) * slot);
    const feeds: Record<string, Tensor> = {};
    for (let layer = 0; layer < layers; layer++) {
      feeds[`past keys ${layer}`] = float32(view(this.#keys[layer]), dims);
      feeds[`past values ${layer}`] = float32(view(this.#values[layer]), dims);
    }
    return feeds;
  }

  /**
   * Appends the first `count` new tokens of row `row` of a graph's outputs ([B, keyValueHeads, T, headSize]) to slot
   * `slot`.
   */
  append(slot: number, outputs: Record<string, Tensor>, row: number, count: number): void {
    this.#allocate();
    const { keyValueHeads, headSize, layers } = this.#config;
    const at = this.lengths[slot];
    for (let layer = 0; layer < layers; layer++) {
      for (const [buffer, tensor] of [
        [this.#keys[layer], outputs[`new keys ${layer}`]],
        [this.#values[layer], outputs[`new values ${layer}`]],
      ] as const) {
        const source = tensor.data as Float32Array;
        const length = tensor.dims[2];
        for (let head = 0; head < keyValueHeads; head++) {
          const from = (row * keyValueHeads + head) * length * headSize;
          const to = ((slot * keyValueHeads + head) * this.capacity + at) * headSize;
          copy(source, from, buffer, to, count * headSize);
        }
      }
    }
    this.lengths[slot] = at + count;
  }

  /** All slots in the form of a graph's outputs, as `append` takes them. */
  contents(): Record<string, Tensor> {
    const feeds = Object.entries(this.feeds(0, this.slots));
    return Object.fromEntries(feeds.map(([name, tensor]) => [name.replace('past', 'new'), tensor]));
  }

  /** Makes slot `to` a copy of slot `from`. */
  copySlot(to: number, from: number): void {
    const { keyValueHeads, headSize } = this.#config;
    const length = this.lengths[from];
    // There are no buffers as long as every slot is empty.
    for (let layer = 0; layer < this.#keys.length; layer++) {
      for (const buffer of [this.#keys[layer], this.#values[layer]]) {
        for (let head = 0; head < keyValueHeads; head++) {
          const start = (from * keyValueHeads + head) * this.capacity * headSize;
          buffer.copyWithin((to * keyValueHeads + head) * this.capacity * headSize, start, start + length * headSize);
        }
      }
    }
    this.lengths[to] = length;
  }

  /** Keeps the first `length` tokens of a slot. */
  truncate(slot: number, length: number): void {
    this.lengths[slot] = length;
  }
}

/** For the few numbers of one token's head, a loop is faster than a subarray and a set. */
function copy(source: Float32Array, from: number, target: Float32Array, to: number, count: number): void {
  if (count > 256) {
    target.set(source.subarray(from, from + count), to);
    return;
  }
  for (let i = 0; i < count; i++) target[to + i] = source[from + i];
}

function roundUp(tokens: number): number {
  return Math.ceil(tokens / STEP) * STEP;
}
