import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadRecords, type QuestionRecord } from '../records.js';
import { jsonElements } from './json-array.js';
import { type Line, readLines } from './lines.js';
import { writeRecords } from './writer.js';

const folder = () => mkdtemp(join(tmpdir(), 'lines-'));

async function fileOf(content: Uint8Array | string): Promise<string> {
  const path = join(await folder(), 'lines.jsonl');
  await writeFile(path, content);
  return path;
}

async function linesOf(content: Uint8Array | string, maxLineBytes?: number): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const line of readLines(await fileOf(content), { maxLineBytes })) lines.push(line);
  return lines;
}

describe('readLines', () => {
  it('drops the mark of a byte order, keeps other separators within a line, and needs no last line break', async () => {
    expect(await linesOf('\ufeffa\u2028b\n\nlast')).toEqual([
      { line: 1, text: 'a\u2028b' },
      { line: 3, text: 'last' },
    ]);
  });

  it('counts empty lines and leaves them out', async () => {
    expect(await linesOf(`${'\n'.repeat(1_000_000)}a\n\n\nb`)).toEqual([
      { line: 1_000_001, text: 'a' },
      { line: 1_000_004, text: 'b' },
    ]);
  });

  it('names lines that are not UTF-8 or too long, and reads on', async () => {
    const bytes = Buffer.concat([
      Buffer.from('good\n'),
      Buffer.from([0xc3, 0x28, 0x0a]),
      Buffer.from(`${'x'.repeat(50)}\nend`),
    ]);
    const expected = [
      { line: 1, text: 'good' },
      { line: 2, problem: 'encoding', bytes: 2 },
      { line: 3, problem: 'size', bytes: 50 },
      { line: 4, text: 'end' },
    ];
    expect(await linesOf(bytes, 20)).toEqual(expected);
    expect(await linesOf(gzipSync(bytes), 20)).toEqual(expected);
  });

  it('refuses UTF-16, and a packed file that was cut short', async () => {
    await expect(linesOf(Buffer.from('\ufeffabc', 'utf16le'))).rejects.toThrow(
      /is UTF-16 text; expected UTF-8\. Convert it/,
    );
    await expect(linesOf(gzipSync('line\n'.repeat(1000)).subarray(0, 30))).rejects.toThrow(
      /Cannot read .*unexpected end/,
    );
  });
});

it('records count encodings and sizes among their problems', async () => {
  const record = { id: 'a', source: '', question: 'Q', answers: ['A'], documents: [{ text: 'T' }] };
  const bytes = Buffer.concat([
    Buffer.from(`${JSON.stringify(record)}\n`),
    Buffer.from([0xff, 0x0a]),
    Buffer.from(`"${'x'.repeat(500)}"\n`),
  ]);
  const { records, counts, problems } = await loadRecords(await fileOf(bytes), { maxLineBytes: 300 });
  expect(records).toEqual([record]);
  expect(counts).toMatchObject({ encoding: 1, size: 1, json: 0 });
  expect(problems.map(({ line }) => line)).toEqual([2, 3]);
});

describe('jsonElements', () => {
  it('gives the elements that JSON.parse gives, however the bytes come', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue()),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (array, size, wrapped) => {
          const bytes = Buffer.from(
            JSON.stringify(wrapped ? { version: ['v', { data: [0] }], data: array, other: [1] } : array),
          );
          async function* pieces() {
            for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
          }
          const elements: unknown[] = [];
          for await (const element of jsonElements(pieces(), 'x.json')) elements.push(element);
          expect(JSON.stringify(elements)).toBe(JSON.stringify(array));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses an element that is too long, without holding what comes before or after it', async () => {
    const maxElement = 20;
    const elementsOf = async (...pieces: string[]) => {
      async function* bytes() {
        for (const piece of pieces) yield Buffer.from(piece);
      }
      const elements: unknown[] = [];
      for await (const element of jsonElements(bytes(), 'x.json', { maxElement })) elements.push(element);
      return elements;
    };
    const long = 'x'.repeat(maxElement);
    const refusal = /^x\.json, element 2 has more than 20 bytes of text, more than a record may have\.$/;
    await expect(elementsOf(`[1, "${long}`)).rejects.toThrow(refusal);
    await expect(elementsOf('[1, "xxxxxxxxxx', 'xxxxxxxxxx"', ']')).rejects.toThrow(refusal);
    await expect(elementsOf(`[1, "${long}", 2]`)).rejects.toThrow(refusal);
    const blank = ' '.repeat(2 * maxElement);
    expect(await elementsOf('[', blank, blank, '1,', blank, '2', ']')).toEqual([1, 2]);
    expect(await elementsOf(`{"${long}${long}": 1, "data${long}": [0], "data": [1]}`)).toEqual([1]);
  });
});

describe('writeRecords', () => {
  const record: QuestionRecord = { id: 'a', source: '', question: 'Q', answers: ['A'], documents: [{ text: 'T' }] };

  it('writes complete files, packed if the name says so, also from text in pieces', async () => {
    const path = join(await folder(), 'new', 'out.jsonl.gz');
    const pieces = ['one "two"\n', '\u00e4\ud83d\ude00'];
    const evidence = () => [{ document: 0, start: 0, end: 3 }];
    const scored = { answersWanted: 'all', metric: 'string_match_all' } as const;
    const streamed = {
      id: 'b',
      source: 's',
      question: 'Q',
      answers: ['A'],
      ...scored,
      title: 'T',
      text: pieces,
      evidence,
    };
    expect(await writeRecords(path, [record, streamed])).toBe(2);
    expect(
      gunzipSync(await readFile(path))
        .toString()
        .split('\n')[1],
    ).toContain('"text":"one \\"two\\"\\nä😀"');
    const { records } = await loadRecords(path, { strict: true });
    expect(records).toEqual([
      record,
      {
        id: 'b',
        source: 's',
        question: 'Q',
        answers: ['A'],
        ...scored,
        documents: [{ title: 'T', text: pieces.join('') }],
        evidence: evidence(),
      },
    ]);
  });

  it('one writer at a time: the second is refused, and leaves the first alone', async () => {
    const path = join(await folder(), 'out.jsonl');
    async function* slow() {
      yield record;
      const other = writeRecords(path, [{ ...record, id: 'b' }]);
      await expect(other).rejects.toThrow(`${path} is being written to by this program. Wait until it has ended`);
      yield record;
    }
    expect(await writeRecords(path, slow())).toBe(2);
    expect((await readFile(path, 'utf8')).match(/"id":"a"/g)).toHaveLength(2);
    expect(await readdir(join(path, '..'))).toEqual(['out.jsonl']);
  });

  it('leaves only the old file if the records end in an error or an abort', async () => {
    const path = join(await folder(), 'out.jsonl');
    await writeFile(path, 'old');
    async function* failing() {
      yield record;
      throw new Error('lost');
    }
    await expect(writeRecords(path, failing())).rejects.toThrow('lost');
    await expect(writeRecords(path, [record], { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow(
      'stop',
    );
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(join(path, '..'))).toEqual(['out.jsonl']);
    await expect(writeRecords(join(path, 'x.jsonl'), [record])).rejects.toThrow(/Cannot write /);
  });
});
