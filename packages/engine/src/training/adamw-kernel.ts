/**
 * AdamW's arithmetic as WebAssembly: square roots and divisions of four numbers at a time, which JavaScript would
 * compute one by one. The module is put together here, instruction by instruction, so that nothing has to be built or
 * shipped. Encoding: WebAssembly Core Specification 2.0, chapter 5.
 */
import type { AdamwTensor, AdamwUpdate } from './adamw-update.js';

/** Of what lib.dom declares, which Node's types lack. */
declare namespace WebAssembly {
  class Memory {
    readonly buffer: ArrayBuffer;
    constructor(descriptor: { initial: number; maximum: number });
  }
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    readonly exports: Record<string, unknown>;
    constructor(module: Module, imports: Record<string, Record<string, unknown>>);
  }
}

/** Numbers of one array that are in WebAssembly's memory at a time: four blocks of 64 KiB stay in the core's cache. */
const BLOCK = 16_384;
const BLOCK_BYTES = 4 * BLOCK;
const ARRAYS = ['weight', 'gradient', 'first', 'second'] as const;
const PAGE_BYTES = 65_536;

const I32 = 0x7f;
const F32 = 0x7d;
const V128 = 0x7b;

/** Names of the function's float parameters, after the number of bytes. */
const SCALARS = ['clip', 'beta1', 'rest1', 'beta2', 'rest2', 'stepSize', 'correction2', 'epsilon', 'keep'] as const;
type Scalar = (typeof SCALARS)[number];

// Locals: the bytes, the scalars, the place, then vectors: each scalar four times, and intermediate results.
const BYTES = 0;
const PLACE = SCALARS.length + 1;
const splatOf = (name: Scalar) => PLACE + 1 + SCALARS.indexOf(name);
const [G, M, V] = [0, 1, 2].map((index) => PLACE + 1 + SCALARS.length + index);

type Code = number[];

const unsigned = (value: number): Code => {
  const low = value & 0x7f;
  return value > 0x7f ? [low | 0x80, ...unsigned(value >>> 7)] : [low];
};
const signed = (value: number): Code => {
  const low = value & 0x7f;
  const rest = value >> 7;
  const last = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
  return last ? [low] : [low | 0x80, ...signed(rest)];
};
const vector = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: Code): Code => [id, ...unsigned(content.length), ...content];
const text = (value: string): Code => vector([...value].map((letter) => [letter.charCodeAt(0)]));
const simd = (opcode: number): Code => [0xfd, ...unsigned(opcode)];

const get = (local: number): Code => [0x20, ...unsigned(local)];
const set = (local: number): Code => [0x21, ...unsigned(local)];
const splat = (name: Scalar): Code => get(splatOf(name));
const at = (array: (typeof ARRAYS)[number]): Code => [4, ...unsigned(ARRAYS.indexOf(array) * BLOCK_BYTES)];
const load = (array: (typeof ARRAYS)[number]): Code => [...get(PLACE), ...simd(0x00), ...at(array)];
const store = (array: (typeof ARRAYS)[number], value: Code): Code => [
  ...get(PLACE),
  ...value,
  ...simd(0x0b),
  ...at(array),
];
const binary =
  (opcode: number) =>
  (a: Code, b: Code): Code => [...a, ...b, ...simd(opcode)];
const [plus, minus, times, over] = [0xe4, 0xe5, 0xe6, 0xe7].map(binary);
const root = (value: Code): Code => [...value, ...simd(0xe3)];

/** For every four numbers: the formula of `adamwStep`. */
const LOOP: Code = [
  ...times(load('gradient'), splat('clip')),
  ...set(G),
  ...plus(times(splat('beta1'), load('first')), times(splat('rest1'), get(G))),
  ...set(M),
  ...plus(times(splat('beta2'), load('second')), times(times(splat('rest2'), get(G)), get(G))),
  ...set(V),
  ...store('first', get(M)),
  ...store('second', get(V)),
  ...store(
    'weight',
    minus(
      times(load('weight'), splat('keep')),
      over(times(splat('stepSize'), get(M)), plus(times(root(get(V)), splat('correction2')), splat('epsilon'))),
    ),
  ),
];

function assemble(): Uint8Array {
  const body = [
    ...SCALARS.flatMap((name, index) => [...get(index + 1), ...simd(0x13), ...set(splatOf(name))]),
    // loop { …; place += 16; if (place < bytes) continue }
    ...[0x03, 0x40],
    ...LOOP,
    ...[...get(PLACE), 0x41, ...signed(16), 0x6a, 0x22, PLACE],
    ...[...get(BYTES), 0x48, 0x0d, 0x00, 0x0b],
    0x0b,
  ];
  const locals = vector([
    [1, I32],
    [SCALARS.length + 3, V128],
  ]);
  const code = [...locals, ...body];
  const type = [0x60, ...vector([[I32], ...SCALARS.map(() => [F32])]), 0];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector([type])),
    ...section(2, vector([[...text('engine'), ...text('memory'), 0x02, 0x00, ...unsigned(PAGES)]])),
    ...section(3, vector([[0]])),
    ...section(7, vector([[...text('update'), 0x00, 0]])),
    ...section(10, vector([[...unsigned(code.length), ...code]])),
  ]);
}

const PAGES = (ARRAYS.length * BLOCK_BYTES) / PAGE_BYTES;

/** Changes weight and moments in place; a gradient that is absent is zero. */
export class AdamwKernel {
  readonly #blocks: Record<(typeof ARRAYS)[number], Float32Array>;
  readonly #update: (bytes: number, ...scalars: number[]) => void;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble()), { engine: { memory } });
    this.#update = exports.update as (bytes: number, ...scalars: number[]) => void;
    const block = (index: number) => new Float32Array(memory.buffer, index * BLOCK_BYTES, BLOCK);
    this.#blocks = { weight: block(0), gradient: block(1), first: block(2), second: block(3) };
  }

  run({ weight, gradient, first, second, keep: own }: AdamwTensor, update: AdamwUpdate): void {
    const { beta1, beta2 } = update;
    const keep = own ?? update.keep;
    const scalars: Record<Scalar, number> = { ...update, rest1: 1 - beta1, rest2: 1 - beta2, keep };
    const values = SCALARS.map((name) => scalars[name]);
    const blocks = this.#blocks;
    for (let start = 0; start < weight.length; start += BLOCK) {
      const end = Math.min(weight.length, start + BLOCK);
      blocks.weight.set(weight.subarray(start, end));
      blocks.first.set(first.subarray(start, end));
      blocks.second.set(second.subarray(start, end));
      if (gradient) blocks.gradient.set(gradient.subarray(start, end));
      else blocks.gradient.fill(0);
      // Numbers after the end of a short block are computed too, and not read.
      this.#update(4 * (end - start), ...values);
      weight.set(blocks.weight.subarray(0, end - start), start);
      first.set(blocks.first.subarray(0, end - start), start);
      second.set(blocks.second.subarray(0, end - start), start);
    }
  }
}
