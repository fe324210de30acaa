/**
 * Conversion between 32-bit floats and the two 16-bit formats of checkpoints, on raw bits (little-endian, like all
 * hosts of Node and ONNX Runtime): float16 has 1 sign, 5 exponent and 10 mantissa bits (IEEE 754-2008 binary16);
 * bfloat16 is the upper half of a float32. Narrowing rounds to nearest, ties to even.
 */

/** Dtypes that checkpoints are read from and written to, by their safetensors names. */
export type FloatDtype = 'F32' | 'F16' | 'BF16';

export const BYTES_PER_VALUE: Readonly<Record<FloatDtype, number>> = { F32: 4, F16: 2, BF16: 2 };

function widenFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  if (exponent === 0x1f) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}

let table: Float32Array | undefined;

/** The value of every float16 bit pattern. [65536] */
export function float16Values(): Float32Array {
  table ??= Float32Array.from({ length: 65536 }, (_, bits) => widenFloat16(bits));
  return table;
}

/** Writes `source.length` values to the beginning of `target`. */
export function decodeFloat16(source: Uint16Array, target: Float32Array): void {
  const values = float16Values();
  for (let i = 0; i < source.length; i++) target[i] = values[source[i]];
}

/** Writes `source.length` values to the beginning of `target`. */
export function decodeBfloat16(source: Uint16Array, target: Float32Array): void {
  const bits = new Uint32Array(target.buffer, target.byteOffset, target.length);
  for (let i = 0; i < source.length; i++) bits[i] = source[i] << 16;
}

/** Rounds to nearest even; beyond the largest bfloat16 becomes infinite; NaN stays NaN. */
export function encodeBfloat16(source: Float32Array, target: Uint16Array): void {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  for (let i = 0; i < bits.length; i++) {
    const value = bits[i];
    // A NaN's payload may lie wholly in the lower half: set the quiet bit instead of rounding it to infinity.
    target[i] =
      (value & 0x7fffffff) > 0x7f800000 ? (value >>> 16) | 0x40 : (value + 0x7fff + ((value >>> 16) & 1)) >>> 16;
  }
}

/** Rounds to nearest even, subnormals included; from 65520 on becomes infinite; NaN stays NaN. */
export function encodeFloat16(source: Float32Array, target: Uint16Array): void {
  const bits = new Uint32Array(source.buffer, source.byteOffset, source.length);
  for (let i = 0; i < bits.length; i++) {
    const sign = (bits[i] >>> 16) & 0x8000;
    const magnitude = bits[i] & 0x7fffffff;
    let half: number;
    if (magnitude >= 0x47800000) {
      // 65536 and above.
      half = magnitude > 0x7f800000 ? 0x7e00 : 0x7c00;
    } else if (magnitude >= 0x38800000) {
      // Normal: the exponent's bias goes from 127 to 15; a carry out of the mantissa raises the exponent, as it should.
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else if (magnitude >= 0x33000000) {
      // Subnormal: a whole number of 2^-24, found by shifting the mantissa with its implicit one.
      const shift = 126 - (magnitude >>> 23);
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      half = (mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift;
    } else {
      half = 0;
    }
    target[i] = sign | half;
  }
}
