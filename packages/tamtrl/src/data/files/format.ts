/** Recognises files that are no JSON Lines by their first bytes, to say what they are and what helps. */
import { extname } from 'node:path';
import { DataError } from '../errors.js';
import { readBytes, startsWith } from './unpack.js';

interface OtherFormat {
  /** "a table (CSV)" */
  what: string;
  /** A sentence without its full stop. `FILE` stands for the path. */
  advice: string;
  /** `tamtrl data import` reads it. */
  isImported?: boolean;
}

const FIELDS =
  'Write each row as a JSON object with id, question, answers and documents (docs/data.md has a script for that)';
const CONVERT = 'Convert it to JSON Lines; docs/data.md tells what a record has';
const IMPORT = 'Turn it into records with `tamtrl data import FILE --out records.jsonl`';
const LINES = 'Put each object on one line, for example with `jq -c . FILE > records.jsonl`';
const ELEMENTS =
  "If it is a published data set, use `tamtrl data import FILE --out records.jsonl`; if its elements are records, write one a line, for example with `jq -c '.[]' FILE > records.jsonl`";
const DOCUMENT =
  'To ask questions about it, use `tamtrl ask FILE "question"`; for training, write records as docs/data.md tells';

const latin = (text: string) => [...Buffer.from(text, 'latin1')];

const BINARY: readonly (OtherFormat & { bytes: readonly number[] })[] = [
  { bytes: latin('PAR1'), what: 'a parquet file', advice: IMPORT, isImported: true },
  {
    bytes: latin('PK\x03\x04'),
    what: 'a zip archive or an office document such as .xlsx',
    advice: `Unpack it, or save the table as CSV. ${FIELDS}`,
  },
  { bytes: latin('SQLite format 3\0'), what: 'an SQLite database', advice: CONVERT },
  { bytes: latin('ARROW1'), what: 'an Arrow (Feather) file', advice: 'Save it as parquet, and import that' },
  { bytes: latin('Obj\x01'), what: 'an Avro file', advice: 'Save it as parquet, and import that' },
  { bytes: latin('\x89HDF'), what: 'an HDF5 file', advice: CONVERT },
  { bytes: latin('%PDF-'), what: 'a PDF', advice: DOCUMENT },
  { bytes: latin('\x89PNG'), what: 'a PNG image', advice: CONVERT },
  { bytes: latin('\xff\xd8\xff'), what: 'a JPEG image', advice: CONVERT },
  { bytes: latin('\xfd7zXZ\0'), what: 'an xz file', advice: 'Unpack it first' },
  { bytes: latin('BZh'), what: 'a bzip2 file', advice: 'Unpack it first' },
  { bytes: latin('7z\xbc\xaf'), what: 'a 7z archive', advice: 'Unpack it first' },
];

const TABLES: Readonly<Record<string, string>> = { ',': 'CSV', ';': 'CSV, semicolons', '\t': 'TSV' };
/** Names of columns by which a table without a telling name is recognised. */
const COLUMN = /^"?(?:id|questions?|query|answers?|context|contexts|documents?|passages?|input|output|target|text)"?$/i;

/** Enough for the first lines. */
const HEAD = 1 << 16;

/**
 * @param path of what should hold JSON Lines
 * @param isImport what `tamtrl data import` reads is good too
 * @throws DataError `file` if it is something else; or as `readBytes` does.
 */
export async function checkFormat(path: string, isImport = false): Promise<void> {
  const head = await headOf(path);
  const found = formatOf(head, path);
  if (!found || (isImport && found.isImported)) return;
  const expected = isImport
    ? 'expected parquet, JSON or JSON Lines'
    : 'expected JSON Lines: a JSON object on each line';
  const advice = found.advice.replaceAll('FILE', path);
  throw new DataError('file', `${path} is ${found.what}; ${expected}. ${advice}.`);
}

async function headOf(path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readBytes(path)) {
    pieces.push(piece);
    size += piece.length;
    if (size >= HEAD) break;
  }
  return Buffer.concat(pieces).subarray(0, HEAD);
}

/** What a file is that is no JSON Lines; undefined if it is, or if that cannot be told. */
function formatOf(head: Buffer, path: string): OtherFormat | undefined {
  const binary = BINARY.find(({ bytes }) => startsWith(head, bytes));
  if (binary) return binary;
  if (head.toString('latin1', 257, 262) === 'ustar') return { what: 'a tar archive', advice: 'Unpack it first' };
  const text = head.toString('utf8').replace(/^\ufeff/, '');
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0) return undefined;
  // One good line tells that the others are bad lines of JSON Lines. The last line of an array can be an object too.
  const isArray = /^\s*\[\s*(?:[[{"\]]|$)/.test(lines[0]) && (lines.length === 1 || parsed(lines[0]) === undefined);
  if (isArray) return { what: 'a JSON array', advice: ELEMENTS, isImported: true };
  if (lines.some((line) => isObject(parsed(line)))) return undefined;
  // UTF-16 is told where lines are read.
  if (head.includes(0) && head[0] < 0xfe && head[1] !== 0) return { what: 'binary', advice: CONVERT };
  return textFormat(lines, extname(path.replace(/\.(?:gz|zst)$/i, '')).toLowerCase());
}

function textFormat(lines: readonly string[], ending: string): OtherFormat | undefined {
  const [first, second = ''] = lines;
  if (/^\s*\{\s*'/.test(first))
    return {
      what: 'written the way Python prints dictionaries, with single quotes',
      advice: 'Write it with json.dumps, an object a line',
    };
  if (/^\s*\{\s*(?:"|$)/.test(first) && /^\s+["}\]]/.test(second))
    return { what: 'JSON that is spread over several lines', advice: LINES, isImported: true };
  if (/^\s*[{[]/.test(first)) return undefined;
  const delimiter = Object.keys(TABLES).find((each) => first.includes(each)) ?? '';
  const cells = first.split(delimiter || '\n').map((cell) => cell.trim());
  const isTable =
    /^\.(?:csv|tsv|tab)$/.test(ending) || (delimiter !== '' && cells.filter((cell) => COLUMN.test(cell)).length > 1);
  if (isTable) return { what: `a table (${TABLES[delimiter] ?? 'CSV'})`, advice: FIELDS };
  if (/^\.ya?ml$/.test(ending) || /^(?:---\s*$|- \w+:\s)/.test(first)) return { what: 'YAML', advice: CONVERT };
  if (/^\s*<(?:[!?]|\w+[\s>])/.test(first)) return { what: 'HTML or XML', advice: DOCUMENT };
  if (/^1 \S.*[.?]/.test(first) && /^2 \S/.test(second))
    return { what: "text with numbered lines, such as bAbI's", advice: IMPORT, isImported: true };
  if (/^\.(?:md|markdown|txt|text|log)$/.test(ending)) return { what: 'plain text', advice: DOCUMENT };
  return undefined;
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value);
