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
 * 16 groups of 16 values: 16 bytes with a four-bit scale (low) and a four-bit minimum (high) each, 64 bytes of quants,
 * scale of scales, scale of minima. Value 128h + 32k + i is at bit 2k of byte 32h + i.
 */
const q2_k: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at + 80);
  const dMinimum = scale(bytes, at + 82);
  for (let group = 0; group < 16; group++) {
    const packed = bytes[at + group];
    const factor = d * (packed & 15);
    const minimum = dMinimum * (packed >> 4);
    const quants = at + 16 + (group >> 3) * 32 + (group & 1) * 16;
    const shift = ((group >> 1) & 3) * 2;
    for (let i = 0; i < 16; i++) {
      target[to + group * 16 + i] = factor * ((bytes[quants + i] >> shift) & 3) - minimum;
    }
  }
};

/**
 * 16 groups of 16 values: 32 bytes of upper bits, 64 bytes of lower two bits (as in Q2_K), 12 bytes with 16 six-bit
 * scales around 32, scale of scales. Value 128h + 32k + i has its upper bit at bit 4h + k of byte i; where that is 0, 4
 * is subtracted. Scale s has its lower four bits in byte s (low half) or s - 8 (high half), and its upper two at bit
 * 2 (s >> 2) of byte 8 + (s & 3).
 */
const q3_k: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at + 108);
  const scales = at + 96;
  for (let group = 0; group < 16; group++) {
    const low = group < 8 ? bytes[scales + group] & 15 : bytes[scales + group - 8] >> 4;
    const upper = (bytes[scales + 8 + (group & 3)] >> ((group >> 2) * 2)) & 3;
    const factor = d * ((low | (upper << 4)) - 32);
    const within = (group & 1) * 16;
    const quants = at + 32 + (group >> 3) * 32 + within;
    const shift = ((group >> 1) & 3) * 2;
    for (let i = 0; i < 16; i++) {
      const missing = (bytes[at + within + i] >> (group >> 1)) & 1 ? 0 : 4;
      target[to + group * 16 + i] = factor * (((bytes[quants + i] >> shift) & 3) - missing);
    }
  }
};

/**
 * Scale and minimum of group `group` among 12 bytes with 8 six-bit scales and 8 six-bit minima. The scales of groups
 * 0-3 fill the low six bits of bytes 0-3 (minima: bytes 4-7); those of groups 4-7 have four bits in bytes 8-11 (scale
 * low, minimum high) and their upper two bits on top of bytes 0-3 (minima: bytes 4-7).
 */
function sixBits(bytes: Uint8Array, packed: number, group: number): [number, number] {
  const j = packed + (group & 3);
  if (group < 4) return [bytes[j] & 63, bytes[j + 4] & 63];
  return [(bytes[j + 8] & 15) | ((bytes[j] >> 6) << 4), (bytes[j + 8] >> 4) | ((bytes[j + 4] >> 6) << 4)];
}

/**
 * 8 groups of 32 values: scale of scales, scale of minima, 12 bytes of scales and minima, 128 bytes of quants; groups
 * 2p and 2p + 1 are the low and high halves of bytes 32p to 32p + 31.
 */
const q4_k: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  const dMinimum = scale(bytes, at + 2);
  for (let group = 0; group < 8; group++) {
    const [sixBitScale, sixBitMinimum] = sixBits(bytes, at + 4, group);
    const factor = d * sixBitScale;
    const minimum = dMinimum * sixBitMinimum;
    const quants = at + 16 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      target[to + group * 32 + i] = factor * ((bytes[quants + i] >> shift) & 15) - minimum;
    }
  }
};

/** As Q4_K with 32 bytes of fifth bits before the quants: value i of group g has its own at bit g of byte i. */
const q5_k: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  const dMinimum = scale(bytes, at + 2);
  const high = at + 16;
  for (let group = 0; group < 8; group++) {
    const [sixBitScale, sixBitMinimum] = sixBits(bytes, at + 4, group);
    const factor = d * sixBitScale;
    const minimum = dMinimum * sixBitMinimum;
    const quants = at + 48 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      const quant = ((bytes[quants + i] >> shift) & 15) | (((bytes[high + i] >> group) & 1) << 4);
      target[to + group * 32 + i] = factor * quant - minimum;
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

/** The sixteen values of IQ4 (`kvalues_iq4nl`): denser around 0, as weights are. */
const IQ4_VALUES = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/** Sixteen bytes with two indices into `values` each: value i in the low half of byte i, i + 16 in its high half. */
function lookUpHalves(
  bytes: Uint8Array,
  at: number,
  target: Float32Array,
  to: number,
  factor: number,
  values: readonly number[],
): void {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + i];
    target[to + i] = factor * values[byte & 15];
    target[to + i + 16] = factor * values[byte >> 4];
  }
}

/** Scale, 16 bytes of indices. */
const iq4_nl: Decode = (bytes, at, target, to) => {
  lookUpHalves(bytes, at + 2, target, to, scale(bytes, at), IQ4_VALUES);
};

/**
 * 8 groups of 32 values: scale of scales, 16 bits with the upper two bits of each group's scale, 4 bytes with the lower
 * four (low half first), around 32; 16 bytes of indices a group.
 */
const iq4_xs: Decode = (bytes, at, target, to) => {
  const d = scale(bytes, at);
  const upper = bytes[at + 2] | (bytes[at + 3] << 8);
  for (let group = 0; group < 8; group++) {
    const low = (bytes[at + 4 + (group >> 1)] >> ((group & 1) * 4)) & 15;
    const factor = d * ((low | (((upper >> (2 * group)) & 3) << 4)) - 32);
    lookUpHalves(bytes, at + 8 + group * 16, target, to + group * 32, factor, IQ4_VALUES);
  }
};

/** Twice the values of E2M1: a sign, two bits of exponent, one of mantissa. */
const E2M1_DOUBLED = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** A power of two as its exponent plus 127 (E8M0), 16 bytes of E2M1 (OCP Microscaling Formats 1.0). */
const mxfp4: Decode = (bytes, at, target, to) => {
  lookUpHalves(bytes, at + 1, target, to, 2 ** (bytes[at] - 128), E2M1_DOUBLED);
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
  Q2_K: blocks(256, 84, q2_k),
  Q3_K: blocks(256, 110, q3_k),
  Q4_K: blocks(256, 144, q4_k),
  Q5_K: blocks(256, 176, q5_k),
  Q6_K: blocks(256, 210, q6_k),
  IQ4_NL: blocks(32, 18, iq4_nl),
  IQ4_XS: blocks(256, 136, iq4_xs),
  MXFP4: blocks(32, 17, mxfp4),
};
