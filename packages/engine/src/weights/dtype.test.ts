import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { decodeBfloat16, decodeFloat16, encodeBfloat16, encodeFloat16 } from './dtype.js';
import { SafetensorsFile } from './safetensors.js';

const ROUNDINGS = fileURLToPath(new URL('../../fixtures/weights/roundings.safetensors', import.meta.url));

const FORMATS = [
  ['F16', encodeFloat16, decodeFloat16],
  ['BF16', encodeBfloat16, decodeBfloat16],
] as const;

describe.each(FORMATS)('%s', (dtype, encode, decode) => {
  it('rounds as PyTorch does: ties, subnormals, the edge of the range, random values', async () => {
    const file = await SafetensorsFile.open(ROUNDINGS);
    const source = await file.read('F32');
    const expected = await file.read(dtype);
    await file.close();
    const bits = new Uint16Array(source.length);
    encode(source, bits);
    const decoded = new Float32Array(source.length);
    decode(bits, decoded);
    // toEqual tells 0 from -0.
    expect([...decoded]).toEqual([...expected]);
  });

  it('every bit pattern survives decoding and encoding', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = new Float32Array(65536);
    decode(bits, values);
    const back = new Uint16Array(65536);
    encode(values, back);
    for (let i = 0; i < 65536; i++) {
      if (Number.isNaN(values[i])) continue;
      if (back[i] !== i) expect.fail(`pattern ${i} (${values[i]}) came back as ${back[i]}`);
    }
  });

  it('NaN stays NaN, whatever its payload', () => {
    const nans = new Float32Array(new Uint32Array([0x7f800001, 0x7fffffff, 0xffc00000, 0x7f80ffff]).buffer);
    const bits = new Uint16Array(4);
    encode(nans, bits);
    const back = new Float32Array(4);
    decode(bits, back);
    expect([...back]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  });

  it('works on views that do not begin their buffer', () => {
    const source = new Float32Array([9, 1, -2, 0.5]).subarray(1);
    const bits = new Uint16Array(5).subarray(2);
    encode(source, bits);
    const target = new Float32Array(4).subarray(1);
    decode(bits, target);
    expect([...target]).toEqual([1, -2, 0.5]);
  });
});
