/** Tables in text files: a row a line, the delimiter recognised. */
import { libraryReason } from '../../base/errors.js';
import { bytesText, MAX_CSV_ROW } from '../../base/limits.js';
import { ReaderError } from '../errors.js';
import { labelOf, type PlacedText } from '../places.js';
import { isNumeric, TableText } from './table-text.js';

const OPTIONS = { max_record_size: MAX_CSV_ROW, relax_column_count: true, relax_quotes: true };
const DELIMITERS = [',', ';', '\t', '|'];
/** Characters and rows by which the delimiter is recognised. */
const SAMPLE = 1 << 14;
const SAMPLE_ROWS = 50;

/** The delimiter that divides most rows into as many cells as the first. */
function delimiterOf(columnsWith: (delimiter: string) => number[]): string {
  const scored = DELIMITERS.map((delimiter) => {
    let columns: number[] = [];
    try {
      columns = columnsWith(delimiter);
    } catch {
      // Text with quotation marks can be no table with one delimiter, and be one with another.
    }
    const [first = 1] = columns;
    const same = columns.filter((each) => each === first).length / Math.max(1, columns.length);
    return { delimiter, score: first > 1 ? same + first / 1000 : 0 };
  });
  return scored.reduce((best, each) => (each.score > best.score ? each : best)).delimiter;
}

/**
 * @param pieces of the text, cut anywhere
 * @throws ReaderError `input` for a row that is too long, as after a quotation mark that is never closed.
 */
export async function* csvText(pieces: AsyncIterable<string>, name: string): AsyncGenerator<PlacedText> {
  const [{ parse }, { parse: parseNow }] = await Promise.all([import('csv-parse'), import('csv-parse/sync')]);
  const { Readable } = await import('node:stream');
  const iterator = pieces[Symbol.asyncIterator]();
  let sample = '';
  let next = await iterator.next();
  for (; !next.done && sample.length < SAMPLE; next = await iterator.next()) sample += next.value;
  const all = async function* () {
    yield sample;
    for (; !next.done; next = await iterator.next()) yield next.value;
  };
  const columnsWith = (delimiter: string) => {
    const rows: string[][] = parseNow(sample.slice(0, SAMPLE), { ...OPTIONS, delimiter, to: SAMPLE_ROWS });
    return rows.map(({ length }) => length);
  };
  const parser = parse({ ...OPTIONS, delimiter: delimiterOf(columnsWith) });
  const table = new TableText((row, column, header) => {
    const title = header[column];
    return `row ${row}, column ${title === undefined ? column + 1 : labelOf(title)}`;
  });
  const input = Readable.from(all());
  input.on('error', (error) => parser.destroy(error));
  input.pipe(parser);
  let row = 0;
  try {
    for await (const record of parser as AsyncIterable<string[]>) {
      row++;
      const cells = record.map((text, column) => ({ column, text, isNumber: isNumeric(text) }));
      yield table.row(row, cells);
    }
  } catch (error) {
    if (ReaderError.isInstance(error)) throw error;
    const isLong = (error as { code?: string }).code === 'CSV_MAX_RECORD_SIZE';
    const reason = isLong
      ? `row ${parser.info.records + 1} has more than ${bytesText(MAX_CSV_ROW)}: a quotation mark may not be closed. Rename it to .txt to read it as plain text`
      : libraryReason(error, `row ${parser.info.records + 1} cannot be read`).replace(/\.$/, '');
    throw new ReaderError('input', `Cannot read the table ${name}: ${reason}.`, { cause: error });
  } finally {
    input.destroy();
  }
}
