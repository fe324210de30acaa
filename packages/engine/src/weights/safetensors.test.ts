import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SafetensorsFile, ShardedSafetensors } from './safetensors.js';
import { writeSafetensors } from './safetensors-writer.js';
import type { TensorSource } from './tensor-source.js';

const FIXTURES = fileURLToPath(new URL('../../fixtures/weights/', import.meta.url));

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'safetensors-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

async function open(path: string): Promise<SafetensorsFile> {
  const file = await SafetensorsFile.open(path);
  onTestFinished(() => file.close());
  return file;
}

/** A file with the given header and data. */
function write(header: unknown, data: Uint8Array = new Uint8Array()): string {
  const json = typeof header === 'string' ? header : JSON.stringify(header);
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  const path = join(temporaryFolder(), 'x.safetensors');
  writeFileSync(path, Buffer.concat([prefix, Buffer.from(json), data]));
  return path;
}

async function expectEqualTensors(found: TensorSource, expected: TensorSource): Promise<void> {
  expect([...found.entries.keys()].sort()).toEqual([...expected.entries.keys()].sort());
  for (const [name, entry] of expected.entries) {
    expect(found.entries.get(name)?.shape).toEqual(entry.shape);
    expect(await found.read(name), name).toEqual(await expected.read(name));
  }
}

describe('reading', () => {
  it('bfloat16 written by transformers has the values that PyTorch sees', async () => {
    const file = await open(join(FIXTURES, 'qwen3-bf16/model.safetensors'));
    expect(file.entries.get('model.norm.weight')).toMatchObject({ dtype: 'BF16', shape: [16] });
    await expectEqualTensors(file, await open(join(FIXTURES, 'qwen3-bf16.expected.safetensors')));
  });

  it('shards written by transformers', async () => {
    const sharded = await ShardedSafetensors.open(join(FIXTURES, 'llama-sharded/model.safetensors.index.json'));
    onTestFinished(() => sharded.close());
    await expectEqualTensors(sharded, await open(join(FIXTURES, 'llama-sharded.expected.safetensors')));
    await expect(sharded.read('none')).rejects.toMatchObject({ kind: 'missing-tensor', details: { tensor: 'none' } });
  });

  it('scalars, empty tensors and blocks beyond one read', async () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    const long = Float32Array.from({ length: (1 << 22) + 5 }, (_, i) => (i % 512) - 256);
    const tensors = [
      { name: 'scalar', shape: [], values: new Float32Array([3]) },
      { name: 'empty', shape: [2, 0], values: new Float32Array(0) },
      { name: 'long', shape: [long.length], values: long },
    ];
    for (const dtype of ['F32', 'F16', 'BF16'] as const) {
      await writeSafetensors(path, tensors, { dtype });
      const file = await open(path);
      for (const { name, values } of tensors)
        expect(Buffer.from((await file.read(name)).buffer).equals(Buffer.from(values.buffer))).toBe(true);
    }
  });

  it('other dtypes are refused when they are read, not before', async () => {
    const shape = [2];
    const file = await open(
      write(
        { ids: { dtype: 'I64', shape, data_offsets: [0, 16] }, w: { dtype: 'F32', shape, data_offsets: [16, 24] } },
        new Uint8Array(24),
      ),
    );
    expect([...(await file.read('w'))]).toEqual([0, 0]);
    await expect(file.read('ids')).rejects.toMatchObject({
      kind: 'unsupported',
      details: { tensor: 'ids', expected: 'F32, F16 or BF16', found: 'I64' },
    });
  });
});

describe('damaged files', () => {
  const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
    dtype: 'F32',
    shape,
    data_offsets: [begin, end],
  });

  it('cut short at any byte', async () => {
    const whole = readFileSync(join(FIXTURES, 'roundings.safetensors'));
    const path = join(temporaryFolder(), 'x.safetensors');
    for (const length of [0, 7, 8, 100, 200, 400, whole.length - 1]) {
      writeFileSync(path, whole.subarray(0, length));
      await expect(SafetensorsFile.open(path), `${length} bytes`).rejects.toMatchObject({
        kind: 'truncated-file',
        details: { file: path, expected: expect.any(String), found: expect.any(String) },
      });
    }
  });

  it('cut short inside a tensor: the tensor and the sizes are named', async () => {
    const path = write({ a: f32(0, 8), b: f32(8, 16) }, new Uint8Array(12));
    const size = readFileSync(path).length;
    await expect(SafetensorsFile.open(path)).rejects.toMatchObject({
      kind: 'truncated-file',
      details: { file: path, tensor: 'b', expected: `${size + 4} bytes`, found: `${size} bytes` },
    });
  });

  it.each([
    ['size and shape disagree', { a: f32(0, 16, [3]) }, 16, 'a', '12 bytes (F32 [3])', '16 bytes'],
    ['overlap', { a: f32(0, 8), b: f32(4, 12) }, 12, 'b', 'its data at offset 8', '4, inside another tensor'],
    ['hole', { a: f32(0, 8), b: f32(12, 16) }, 16, 'b', 'its data at offset 8', '12, after a hole'],
    [
      'offsets backwards',
      { a: { ...f32(0, 0), data_offsets: [8, 4] } },
      8,
      'a',
      'offsets in ascending order',
      '8 to 4',
    ],
    [
      'negative offset',
      { a: { ...f32(0, 0), data_offsets: [-4, 0] } },
      8,
      'a',
      'a dtype, a shape and two offsets',
      undefined,
    ],
    ['negative size', { a: f32(0, 4, [-1]) }, 4, 'a', 'a dtype, a shape and two offsets', undefined],
    ['no dtype', { a: { shape: [1], data_offsets: [0, 4] } }, 4, 'a', 'a dtype, a shape and two offsets', undefined],
  ])('%s', async (_, header, bytes, tensor, expected, found) => {
    const path = write(header, new Uint8Array(bytes));
    await expect(SafetensorsFile.open(path)).rejects.toMatchObject({
      kind: 'file',
      details: { file: path, tensor, expected, ...(found === undefined ? {} : { found }) },
      message: expect.stringContaining(path),
    });
  });

  it('bytes after the last tensor', async () => {
    await expect(SafetensorsFile.open(write({ a: f32(0, 4) }, new Uint8Array(5)))).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringContaining('accounts for'),
    });
  });

  it.each([
    ['header of another kind', '[1, 2]', 'should be an object'],
    ['header that is not JSON', '{"a": ', 'not JSON'],
  ])('%s', async (_, header, message) => {
    await expect(SafetensorsFile.open(write(header))).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringContaining(message),
    });
  });

  it('another kind of file', async () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    writeFileSync(path, '<!DOCTYPE html><title>404</title>');
    await expect(SafetensorsFile.open(path)).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringContaining('not a safetensors file'),
    });
  });

  it('a Git LFS pointer', async () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    writeFileSync(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
    await expect(SafetensorsFile.open(path)).rejects.toThrow(/git lfs pull/);
  });

  it('no file', async () => {
    await expect(SafetensorsFile.open('/none/x.safetensors')).rejects.toMatchObject({ kind: 'file' });
  });
});

describe('damaged indices', () => {
  function index(content: unknown): string {
    const path = join(temporaryFolder(), 'model.safetensors.index.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  it('a shard without a tensor that the index places there', async () => {
    const path = index({ weight_map: { b: 'one.safetensors' } });
    await writeSafetensors(join(path, '../one.safetensors'), [{ name: 'a', shape: [1], values: new Float32Array(1) }]);
    await expect(ShardedSafetensors.open(path)).rejects.toMatchObject({
      kind: 'missing-tensor',
      details: { tensor: 'b' },
    });
  });

  it('a missing shard is named', async () => {
    await expect(ShardedSafetensors.open(index({ weight_map: { a: 'none.safetensors' } }))).rejects.toMatchObject({
      kind: 'file',
      message: expect.stringContaining('none.safetensors'),
    });
  });

  it.each(['../x.safetensors', '/x.safetensors', '..', 7])('a shard outside the folder: %s', async (file) => {
    await expect(ShardedSafetensors.open(index({ weight_map: { a: file } }))).rejects.toMatchObject({
      kind: 'file',
      details: { tensor: 'a', expected: 'a file name in the same folder' },
    });
  });

  it.each([{}, { weight_map: {} }, [], 'no JSON'])('no map: %j', async (content) => {
    await expect(ShardedSafetensors.open(index(content))).rejects.toMatchObject({ kind: 'file' });
  });
});

describe('writing', () => {
  it('the header is aligned and names the format', async () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    await writeSafetensors(path, [{ name: 'ä', shape: [1], values: new Float32Array([1]) }]);
    const bytes = readFileSync(path);
    const length = Number(bytes.readBigUInt64LE());
    expect(length % 8).toBe(0);
    expect(JSON.parse(bytes.subarray(8, 8 + length).toString())).toEqual({
      __metadata__: { format: 'pt' },
      ä: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    });
    expect((await open(path)).metadata).toEqual({ format: 'pt' });
  });

  it('views of larger buffers', async () => {
    const path = join(temporaryFolder(), 'x.safetensors');
    await writeSafetensors(path, [{ name: 'a', shape: [2], values: new Float32Array([1, 2, 3, 4]).subarray(1, 3) }]);
    expect([...(await (await open(path)).read('a'))]).toEqual([2, 3]);
  });

  it('a value beyond the range of the dtype is refused, the old file stays', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'x.safetensors');
    writeFileSync(path, 'old');
    const tensors = [{ name: 'a', shape: [2], values: new Float32Array([1, 1e5]) }];
    await expect(writeSafetensors(path, tensors, { dtype: 'F16' })).rejects.toMatchObject({
      kind: 'non-finite-weights',
      details: { file: path, tensor: 'a', found: '100000' },
      message: expect.stringContaining('index 1'),
    });
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(folder)).toEqual(['x.safetensors']);
  });

  it('a shape that does not fit its values', async () => {
    const tensors = [{ name: 'a', shape: [3], values: new Float32Array(2) }];
    await expect(writeSafetensors(join(temporaryFolder(), 'x'), tensors)).rejects.toMatchObject({
      kind: 'tensor-shape',
    });
  });
});
