/**
 * Reads the lines of text files, compressed or not, in constant memory. Reports every line that is not text instead of
 * guessing what it says.
 */
import { MAX_LINE_BYTES } from '../../base/limits.js';
import { DataError } from '../errors.js';
import { readBytes, startsWith } from './unpack.js';

/** A line that can be read, or why it cannot. `line` counts from 1. */
export type Line = { line: number; text: string } | { line: number; problem: 'encoding' | 'size'; bytes: number };

export interface LineOptions {
  /** Maximum length of a line in bytes; default 256 MiB. Longer lines are reported. */
  maxLineBytes?: number;
}

const NEWLINE = 0x0a;
const UTF16 = [
  [0xff, 0xfe],
  [0xfe, 0xff],
];

/**
 * Lines, cut at "\n" only: JSON strings may hold other line separators. A byte order mark at the start is dropped.
 * Empty lines are counted and left out.
 * @throws DataError `file` for a file that cannot be read, or that is UTF-16.
 */
export async function* readLines(path: string, options: LineOptions = {}): AsyncGenerator<Line> {
  const { maxLineBytes = MAX_LINE_BYTES } = options;
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let line = 0;
  let held: Uint8Array[] = [];
  let size = 0;
  const finish = (): Line => {
    line++;
    const bytes = held.length === 1 ? held[0] : Buffer.concat(held);
    const length = size;
    held = [];
    size = 0;
    if (length > maxLineBytes) return { line, problem: 'size', bytes: length };
    try {
      const text = decoder.decode(bytes);
      return { line, text: line === 1 ? text.replace(/^\ufeff/, '') : text };
    } catch {
      return { line, problem: 'encoding', bytes: length };
    }
  };
  const hold = (bytes: Uint8Array) => {
    size += bytes.length;
    if (size <= maxLineBytes) held.push(bytes);
    else held = [];
  };
  let first = true;
  for await (const bytes of readBytes(path)) {
    if (first && UTF16.some((mark) => startsWith(bytes, mark))) {
      throw new DataError(
        'file',
        `${path} is UTF-16 text; expected UTF-8. Convert it, for example with iconv -f UTF-16 -t UTF-8.`,
      );
    }
    first = false;
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      if (at > from) hold(bytes.subarray(from, at));
      if (size > 0) yield finish();
      else line++;
      from = at + 1;
      for (; bytes[from] === NEWLINE; from++) line++;
    }
    if (from < bytes.length) hold(bytes.subarray(from));
  }
  if (size > 0) yield finish();
}
