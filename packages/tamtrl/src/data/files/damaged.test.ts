/** Packed files and parquet files that are damaged, or made to harm. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import xxhash from 'xxhash-wasm';
import { DataError } from '../errors.js';
import { readRows } from './rows.js';
import { readBytes } from './unpack.js';

const { h64Raw } = await xxhash();
const FRAME = [0x28, 0xb5, 0x2f, 0xfd];

async function fileOf(content: Uint8Array): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'damaged-')), 'file');
  await writeFile(path, content);
  return path;
}

async function unpacked(content: Uint8Array): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readBytes(await fileOf(content))) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Content, or the sentence of the refusal. */
async function outcome(content: Uint8Array): Promise<string> {
  try {
    return (await unpacked(content)).toString();
  } catch (error) {
    if (!DataError.isInstance(error)) throw error;
    return error.message;
  }
}

const RAW = 0;
const RLE = 1;
const block = (kind: number, size: number, body: Uint8Array, last = false) =>
  Buffer.concat([
    Buffer.from([0, 8, 16].map((by) => (((size << 3) | (kind << 1) | (last ? 1 : 0)) >> by) & 255)),
    body,
  ]);

/** A frame with a window of 2^(10 + exponent) bytes, blocks that are not packed, and a checksum. */
function frameOf(text: string, exponent = 0): Buffer {
  const half = text.length >> 1;
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(Number(h64Raw(Buffer.from(text)) & 0xffffffffn));
  return Buffer.concat([
    Buffer.from([...FRAME, 0x04, exponent << 3]),
    block(RAW, half, Buffer.from(text.slice(0, half))),
    block(RAW, text.length - half, Buffer.from(text.slice(half)), true),
    checksum,
  ]);
}

describe('zstd', () => {
  const text = 'The ship left Bristol in spring.';

  it('reads several frames, skippable ones between them, and a frame without a checksum', async () => {
    const skippable = Buffer.from([0x53, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const plain = Buffer.concat([Buffer.from([...FRAME, 0x20, 5]), block(RAW, 5, Buffer.from('hello'), true)]);
    expect(await outcome(Buffer.concat([skippable, frameOf(text), skippable, plain, frameOf('x')]))).toBe(
      `${text}hellox`,
    );
  });

  it('of a frame with a checksum, no change of a bit gives another content', async () => {
    const text = 'ship';
    const frame = frameOf(text);
    expect(await outcome(frame)).toBe(text);
    const outcomes = new Set<string>();
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const changed = Buffer.from(frame);
      changed[bit >> 3] ^= 1 << (bit & 7);
      // The magic number aside: without it the file is no zstd data.
      if (bit >= 32) outcomes.add(await outcome(changed));
    }
    const refusals = [...outcomes].filter((each) => each !== text);
    expect(refusals.length).toBeGreaterThan(10);
    for (const refusal of refusals) expect(refusal).toMatch(/damaged zstd data: .*again\.$|window of|dictionary/);
  });

  it('refuses a window that takes the memory of a large model', async () => {
    expect(await outcome(frameOf(text, 17))).toBe(text);
    expect(await outcome(frameOf(text, 18))).toMatch(/zstd window of 256 MiB; the limit is 128 MiB/);
    const single = Buffer.concat([Buffer.from([...FRAME, 0xa0]), Buffer.from([0, 0, 0, 0x40])]);
    expect(await outcome(single)).toMatch(/zstd window of 1 GiB/);
  });

  it('refuses data that is cut short or has another size than declared', async () => {
    expect(await outcome(frameOf(text).subarray(0, -1))).toMatch(/it ends in the middle of a frame/);
    for (const size of [4, 6]) {
      const frame = Buffer.concat([
        Buffer.from([...FRAME, 0x80, 0, size, 0, 0, 0]),
        block(RAW, 5, Buffer.from('hello'), true),
      ]);
      expect(await outcome(frame)).toMatch(/says that it holds \d bytes, but it holds (?:more|less)/);
    }
  });
});

describe('data that unpacks to far more than its size', () => {
  it('is refused, in zstd and in gzip', async () => {
    const zeros = Array.from({ length: 600 }, () => block(RLE, 2 ** 17, Buffer.from('a')));
    const bomb = Buffer.concat([Buffer.from([...FRAME, 0, 0x38]), ...zeros]);
    for (const packed of [bomb, gzipSync(Buffer.alloc(66 * 2 ** 20, '\n'))]) {
      expect(await outcome(packed)).toMatch(/unpacks to more than 1000 times its size/);
    }
  });
});

describe('parquet', () => {
  const place = fileURLToPath(new URL('../../../fixtures/data/hotpotqa.parquet', import.meta.url));

  async function rowsWith(changes: readonly (readonly [number, number])[]): Promise<unknown[]> {
    const bytes = await readFile(place);
    for (const [at, byte] of changes) bytes[at] = byte;
    const rows: unknown[] = [];
    for await (const row of readRows(await fileOf(bytes))) rows.push(row);
    return rows;
  }

  it('with a damaged column that belongs to no field, is refused without an unhandled failure', async () => {
    const name: [number, number] = [3865, 221];
    await expect(rowsWith([[385, 76], name])).rejects.toThrow(/as parquet \(.+\)\. The file is damaged/);
    await expect(rowsWith([name, [3137, 162], [6742, 26], [2019, 252]])).rejects.toThrow(DataError);
  });

  it('whose page claims more values than its column has, is refused before they take memory', async () => {
    // The first page of the first column, which has two values.
    await expect(rowsWith([[40, 126]])).rejects.toThrow('the pages of column "id" claim 63 values, its file 2');
  });

  it('whose levels have a run longer than their page, is refused before it takes memory', async () => {
    // The repetition levels of the last group's context.sentences.
    await expect(rowsWith([[2063, 156]])).rejects.toThrow(/a run of column .* claims \d+ values/);
  });

  it('with a negative number of children ends with an error', async () => {
    await expect(rowsWith([[3148, 3]])).rejects.toThrow(DataError);
  });

  it('does not sound like a program', async () => {
    const sentences = new Set<string>();
    for (let at = 3000; at < 6000; at += 30) {
      await rowsWith([[at, 255]]).catch((error: unknown) => {
        expect(error).toBeInstanceOf(DataError);
        sentences.add((error as Error).message);
      });
    }
    expect(sentences.size).toBeGreaterThan(5);
    for (const sentence of sentences) {
      expect(sentence).not.toMatch(/undefined \(|is not a function|Cannot (?:read prop|destructure|mix)|DataView/);
    }
  });
});
