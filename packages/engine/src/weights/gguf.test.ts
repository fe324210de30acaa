import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gguf } from '@huggingface/gguf';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GgufFile } from './gguf.js';
import { SafetensorsFile } from './safetensors.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/weights/', import.meta.url));
const QUANTISED = join(FIXTURES, 'quantised.gguf');

function write(bytes: Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'gguf-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'x.gguf');
  writeFileSync(path, bytes);
  return path;
}

async function open(path: string): Promise<GgufFile> {
  const file = await GgufFile.open(path);
  onTestFinished(() => file.close());
  return file;
}

/** The fixture with `change` applied at the first place where `text` stands. */
function patched(text: string, change: (bytes: Buffer, after: number) => void): string {
  const bytes = readFileSync(QUANTISED);
  change(bytes, bytes.indexOf(text) + text.length);
  return write(bytes);
}

describe('types of tensors', () => {
  const types = [
    'F32',
    'F16',
    'BF16',
    'Q8_0',
    'Q4_0',
    'Q4_1',
    'Q5_0',
    'Q5_1',
    'Q4_K',
    'Q6_K',
    'Q5_K',
    'Q2_K',
    'Q3_K',
    'IQ4_NL',
    'IQ4_XS',
    'MXFP4',
  ];

  it.each(types)('%s is dequantised as by the gguf package of llama.cpp', async (type) => {
    const file = await open(QUANTISED);
    const expected = await SafetensorsFile.open(join(FIXTURES, 'quantised.expected.safetensors'));
    onTestFinished(() => expected.close());
    expect(file.entries.get(type)).toMatchObject({ dtype: type, shape: expected.entries.get(type)?.shape });
    expect([...(await file.read(type))]).toEqual([...(await expected.read(type))]);
  });

  it('an unsupported type is refused when it is read', async () => {
    const file = await open(QUANTISED);
    await expect(file.read('IQ2_XXS')).rejects.toMatchObject({
      kind: 'unsupported',
      details: {
        file: QUANTISED,
        tensor: 'IQ2_XXS',
        found: 'IQ2_XXS',
        expected: expect.stringContaining('Q4_K, Q5_K'),
      },
    });
  });

  it('a tensor that is not there', async () => {
    await expect((await open(QUANTISED)).read('none')).rejects.toMatchObject({ kind: 'missing-tensor' });
  });
});

describe('metadata', () => {
  it('every kind of value', async () => {
    const { metadata } = await open(QUANTISED);
    const kinds = Object.fromEntries([...metadata].filter(([key]) => key.startsWith('kinds.')));
    expect(kinds).toEqual({
      'kinds.uint8': 200,
      'kinds.int8': -100,
      'kinds.uint16': 60000,
      'kinds.int16': -30000,
      'kinds.int32': -2000000000,
      'kinds.uint64': 2 ** 40,
      'kinds.int64': -(2 ** 40),
      'kinds.float64': 0.1,
      'kinds.bool': true,
      'kinds.string': 'naïve 木',
      'kinds.strings': ['a', '', '木'],
      'kinds.numbers': [1, -2, 3],
    });
  });

  it.each(['quantised', 'llama', 'qwen3'])('%s.gguf: as @huggingface/gguf reads it', async (name) => {
    const path = join(FIXTURES, `${name}.gguf`);
    const file = await open(path);
    const reference = await gguf(path, { allowLocalFile: true });
    const plain = (value: unknown) => (typeof value === 'bigint' ? Number(value) : value);
    const { version, tensor_count, kv_count, ...metadata } = reference.metadata as Record<string, unknown>;
    expect(version).toBe(3);
    expect(file.metadata.size).toBe(Number(kv_count));
    expect(Object.fromEntries(file.metadata)).toEqual(
      Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, plain(value)])),
    );
    expect(file.entries.size).toBe(Number(tensor_count));
    for (const info of reference.tensorInfos) {
      const entry = file.entries.get(info.name);
      expect(entry?.shape).toEqual(info.shape.map(Number).reverse());
      expect(entry?.begin).toBe(Number(reference.tensorDataOffset + info.offset));
    }
  });

  it('headers longer than the first read', async () => {
    const key = Buffer.from('tokens');
    const prefix = Buffer.alloc(24);
    prefix.write('GGUF');
    prefix.writeUInt32LE(3, 4);
    prefix.writeBigUInt64LE(1n, 16);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(key.length));
    const count = 300;
    const head = Buffer.alloc(16);
    head.writeUInt32LE(9, 0);
    head.writeUInt32LE(8, 4);
    head.writeBigUInt64LE(BigInt(count), 8);
    const text = Buffer.alloc(40_008, 'x');
    text.writeBigUInt64LE(40_000n);
    const file = await open(write(Buffer.concat([prefix, length, key, head, ...Array<Buffer>(count).fill(text)])));
    const tokens = file.metadata.get('tokens');
    expect(Array.isArray(tokens) && tokens.length).toBe(count);
    expect(Array.isArray(tokens) && tokens.at(-1)).toBe('x'.repeat(40_000));
  });
});

describe('damaged files', () => {
  it('cut short anywhere', async () => {
    const whole = readFileSync(QUANTISED);
    // IQ2_XXS, the last tensor, is not read; all that lies before it is needed.
    for (let length = 8; length < whole.length - 400; length += 61) {
      await expect(GgufFile.open(write(whole.subarray(0, length))), `${length} bytes`).rejects.toMatchObject({
        kind: 'truncated-file',
      });
    }
  });

  it('cut short in the data: the tensor and the sizes are named', async () => {
    const whole = readFileSync(join(FIXTURES, 'llama.gguf'));
    const path = write(whole.subarray(0, whole.length - 4096));
    await expect(GgufFile.open(path)).rejects.toMatchObject({
      kind: 'truncated-file',
      details: { file: path, tensor: expect.any(String), found: `${whole.length - 4096} bytes` },
    });
  });

  it.each([
    ['no GGUF file', Buffer.from('PK\u0003\u0004 and so on'), 'file', 'first four bytes'],
    ['a Git LFS pointer', Buffer.from('version https://git-lfs.github.com/spec/v1\n'), 'file', 'git lfs pull'],
    ['an old version', Buffer.from('GGUF\u0001\u0000\u0000\u0000'), 'unsupported', 'version 1'],
    ['big-endian', Buffer.from('GGUF\u0000\u0000\u0000\u0003'), 'unsupported', 'big-endian'],
  ])('%s', async (_, bytes, kind, message) => {
    await expect(GgufFile.open(write(bytes))).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(message),
    });
  });

  it('a value of unknown type names its key', async () => {
    const path = patched('kinds.bool', (bytes, after) => bytes.writeUInt32LE(99, after));
    await expect(GgufFile.open(path)).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringMatching(/"kinds\.bool".*type 99/),
    });
  });

  it('a count beyond the file is a truncated file, not an endless loop', async () => {
    const path = patched('kinds.strings', (bytes, after) => bytes.writeBigUInt64LE(1_000_000n, after + 8));
    await expect(GgufFile.open(path)).rejects.toMatchObject({ kind: 'truncated-file' });
  });

  it('rows that are no whole blocks', async () => {
    const path = patched('Q4_1', (bytes, after) => bytes.writeBigUInt64LE(33n, after + 4));
    await expect(GgufFile.open(path)).rejects.toMatchObject({
      kind: 'file',
      details: { tensor: 'Q4_1', expected: 'a multiple of 32', found: '3, 33' },
    });
  });

  it('a tensor beyond the end', async () => {
    const path = patched('Q4_1', (bytes, after) => bytes.writeBigUInt64LE(1n << 30n, after + 24));
    await expect(GgufFile.open(path)).rejects.toMatchObject({ kind: 'truncated-file', details: { tensor: 'Q4_1' } });
  });
});

describe('counts beyond any file', () => {
  const head = (tensors: bigint, keys: bigint) => {
    const bytes = Buffer.alloc(24);
    bytes.write('GGUF');
    bytes.writeUInt32LE(3, 4);
    bytes.writeBigUInt64LE(tensors, 8);
    bytes.writeBigUInt64LE(keys, 16);
    return bytes;
  };
  /** The file goes on in zeros, without taking room on the disk. */
  const sparse = (bytes: Uint8Array) => {
    const path = write(bytes);
    truncateSync(path, 2 ** 34);
    return path;
  };

  it.each([
    ['tensors', head(2n ** 40n, 0n)],
    ['keys', head(0n, 2n ** 40n)],
  ])('of %s, which a file full of zeros would satisfy', async (what, bytes) => {
    await expect(GgufFile.open(sparse(bytes))).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringContaining(`its number of ${what} should be at most 100000, found ${2 ** 40}`),
    });
  });

  it('of the values of a list', async () => {
    const list = Buffer.alloc(8 + 1 + 4 + 4 + 8);
    list.writeBigUInt64LE(1n, 0);
    list.write('a', 8);
    list.writeUInt32LE(9, 9);
    list.writeBigUInt64LE(2n ** 32n, 17);
    await expect(GgufFile.open(sparse(Buffer.concat([head(0n, 1n), list])))).rejects.toThrow(
      /key "a" should be a typed value, found an array of 4294967296 values/,
    );
  });
});
