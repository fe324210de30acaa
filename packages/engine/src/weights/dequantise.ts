/**
 * The block formats of GGUF: a row of weights is cut into blocks of 32 or 256 values that share scales. Layouts as in
 * ggml's `ggml-common.h` (https://github.com/ggml-org/ggml). Each value is a product of small integers and float16
 * scales that a double holds exactly, rounded once, so results equal ggml's bit for bit.
 */
import { decodeBfloat16, decodeFloat16, float16Values } from './dtype.js';

type Decode = (bytes: Uint8Array, at: number, target: Float32Array, to: number) => void;

export interface BlockFormat {
  blockValues: number;
  blockBytes: number;
  /** Decodes `values` values (whole blocks) from `bytes` into the beginning of `target`. */
  dequantise(bytes: Uint8Array<ArrayBuffer>, target: Float32Array, values: number): void;
}

function scale(bytes: Uint8Array, at: number): number {
  return float16Values()[bytes[at] | (bytes[at + 1] << 8)];
}

/** Int8 quants: scale, 32 signed bytes. */
const q8_0: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  for (let i = 0; i < 32; i++) target[to + i] = d * ((bytes[at + 2 + i] << 24) >> 24);
};

/** Scale, 16 bytes: value i in the low half of byte i, value i + 16 in its high half, both around 8. */
const q4_0: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + 2 + i];
    target[to + i] = d * ((byte & 15) - 8);
    target[to + i + 16] = d * ((byte >> 4) - 8);
  }
};

/** As Q4_0, from 0 up, with a minimum after the scale. */
const q4_1: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  const minimum = scale(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + 4 + i];
    target[to + i] = d * (byte & 15) + minimum;
    target[to + i + 16] = d * (byte >> 4) + minimum;
  }
};

/** Little-endian 32 bits: the fifth bit of each of 32 values. */
function highBits(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** As Q4_0 with a fifth bit, around 16. */
const q5_0: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  const high = highBits(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + 6 + i];
    target[to + i] = d * (((byte & 15) | (((high >>> i) & 1) << 4)) - 16);
    target[to + i + 16] = d * (((byte >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
  }
};

/** As Q4_1 with a fifth bit. */
const q5_1: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  const minimum = scale(bytes, at + 2);
  const high = highBits(bytes, at + 4);
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + 8 + i];
    target[to + i] = d * ((byte & 15) | (((high >>> i) & 1) << 4)) + minimum;
    target[to + i + 16] = d * ((byte >> 4) | (((high >>> (i + 16)) & 1) << 4)) + minimum;
  }
};

/**
 * 8 groups of 32 values: scale of scales, scale of minima, 12 bytes with 8 six-bit scales and 8 six-bit minima, 128
 * bytes of quants; groups 2p and 2p + 1 are the low and high halves of bytes 32p to 32p + 31. The scales of groups 0-3
 * fill the low six bits of bytes 0-3 (minima: bytes 4-7); those of groups 4-7 have four bits in bytes 8-11 (scale low,
 * minimum high) and their upper two bits on top of bytes 0-3 (minima: bytes 4-7).
 */
const q4_k: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  const dMinimum = scale(bytes, at + 2);
  const packed = at + 4;
  for (let group = 0; group < 8; group++) {
    const j = packed + (group & 3);
    const late = group >= 4;
    const factor = d * (late ? (bytes[j + 8] & 15) | ((bytes[j] >> 6) << 4) : bytes[j] & 63);
    const minimum = dMinimum * (late ? (bytes[j + 8] >> 4) | ((bytes[j + 4] >> 6) << 4) : bytes[j + 4] & 63);
    const quants = at + 16 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      target[to + group * 32 + i] = factor * ((bytes[quants + i] >> shift) & 15) - minimum;
    }
  }
};

/**
 * Two halves of 128 values: 128 bytes of lower four bits, 64 bytes of upper two bits, 16 signed scales (one per 16
 * values), scale of scales; around 32. In a half, quarter k (32 values) has its lower bits in bytes 32 (k & 1) + i, low
 * or high part as k < 2, and its upper bits at 2k of byte i.
 */
const q6_k: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at + 208);
  for (let half = 0; half < 2; half++) {
    for (let quarter = 0; quarter < 4; quarter++) {
      const low = at + half * 64 + (quarter & 1) * 32;
      const high = at + 128 + half * 32;
      const scales = at + 192 + half * 8 + quarter * 2;
      for (let i = 0; i < 32; i++) {
        const lowBits = (bytes[low + i] >> (quarter < 2 ? 0 : 4)) & 15;
        const quant = (lowBits | (((bytes[high + i] >> (quarter * 2)) & 3) << 4)) - 32;
        const factor = d * ((bytes[scales + (i >> 4)] << 24) >> 24);
        target[to + half * 128 + quarter * 32 + i] = factor * quant;
      }
    }
  }
};

function blocks(blockValues: number, blockBytes: number, decode: Decode): BlockFormat {
  return {
    blockValues,
    blockBytes,
    dequantise(bytes, target, values) {
      for (let block = 0; block * blockValues < values; block++) {
        decode(bytes, block * blockBytes, target, block * blockValues);
      }
    },
  };
}

function plain(
  bytesPerValue: number,
  decode: (bytes: Uint8Array<ArrayBuffer>, target: Float32Array, values: number) => void,
): BlockFormat {
  return { blockValues: 1, blockBytes: bytesPerValue, dequantise: decode };
}

/** The formats that the engine reads, by ggml's names. */
export const BLOCK_FORMATS: Readonly<Record<string, BlockFormat>> = {
  F32: plain(4, (bytes, target, values) => {
    target.set(new Float32Array(bytes.buffer, bytes.byteOffset, values));
  }),
  F16: plain(2, (bytes, target, values) => {
    decodeFloat16(new Uint16Array(bytes.buffer, bytes.byteOffset, values), target);
  }),
  BF16: plain(2, (bytes, target, values) => {
    decodeBfloat16(new Uint16Array(bytes.buffer, bytes.byteOffset, values), target);
  }),
  Q4_0: blocks(32, 18, q4_0),
  Q4_1: blocks(32, 20, q4_1),
  Q5_0: blocks(32, 22, q5_0),
  Q5_1: blocks(32, 24, q5_1),
  Q8_0: blocks(32, 34, q8_0),
  Q4_K: blocks(256, 144, q4_k),
  Q6_K: blocks(256, 210, q6_k),
};
