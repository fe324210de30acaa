/** Rows of data files as plain objects: Parquet, a JSON array, or JSON Lines, compressed or not. */
import { open } from 'node:fs/promises';
import { DataError } from '../errors.js';
import { checkFormat } from './format.js';
import { jsonElements } from './json-array.js';
import { readLines } from './lines.js';
import { parquetRows } from './parquet.js';
import { readBytes } from './unpack.js';

export type Row = Record<string, unknown>;

/** A row and its place in the file ("line 3", "row 17", "element 5"), or the reason why there is none. */
export type PlacedRow = { place: string; row: Row } | { place: string; problem: string };

/**
 * All rows in order. Parquet files are read a row group at a time, the others as they come.
 * @throws DataError `file` or `record` if the file as a whole cannot be read.
 */
export async function* readRows(path: string): AsyncGenerator<PlacedRow> {
  if (await isParquet(path)) {
    let count = 0;
    for await (const row of parquetRows(path)) yield placed(`row ${++count}`, row);
    return;
  }
  await checkFormat(path, true);
  if (await isLines(path)) yield* lineRows(path);
  else {
    let count = 0;
    for await (const element of jsonElements(readBytes(path), path)) yield placed(`element ${++count}`, element);
  }
}

function placed(place: string, value: unknown): PlacedRow {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { place, row: value as Row };
  return { place, problem: `expected an object, found ${Array.isArray(value) ? 'an array' : JSON.stringify(value)}` };
}

async function isParquet(path: string): Promise<boolean> {
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw new DataError('file', `Cannot read ${path}: ${(error as Error).message}.`, { cause: error });
  }
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(4), 0, 4, 0);
    return bytesRead === 4 && buffer.toString('latin1') === 'PAR1';
  } finally {
    await handle.close();
  }
}

/** JSON Lines: the first line that is not empty is a complete object. */
async function isLines(path: string): Promise<boolean> {
  for await (const line of readLines(path)) {
    if (!('text' in line)) return true;
    const text = line.text.trim();
    if (text === '') continue;
    if (!text.startsWith('{')) return false;
    try {
      const value = JSON.parse(text) as Row;
      // SQuAD's files hold a whole data set on one line.
      return !['data', 'records', 'rows'].some((key) => Array.isArray(value[key]));
    } catch {
      // This is either the first line of an object that spans several lines, or a bad line among good ones.
      return text.length > 2;
    }
  }
  throw new DataError('file', `${path} is empty: expected at least one row.`);
}

async function* lineRows(path: string): AsyncGenerator<PlacedRow> {
  for await (const line of readLines(path)) {
    const place = `line ${line.line}`;
    if ('problem' in line) yield { place, problem: describeLine(line) };
    else if (line.text.trim() !== '') {
      let value: unknown;
      try {
        value = JSON.parse(line.text);
      } catch (error) {
        yield { place, problem: `not JSON: ${(error as Error).message}` };
        continue;
      }
      yield placed(place, value);
    }
  }
}

/** Says what is wrong with a line that cannot be read as text. */
export function describeLine({ problem, bytes }: { problem: 'encoding' | 'size'; bytes: number }): string {
  return problem === 'encoding'
    ? 'not UTF-8 text'
    : `${(bytes / 2 ** 20).toFixed(0)} MiB long, more than a record may have`;
}
