/**
 * What the pages of a parquet file claim, looked at before hyparquet unpacks them: it takes the memory first and looks
 * afterwards, and writes a run of equal values to its end, however long the run says that it is.
 */
import type { AsyncBuffer, ColumnMetaData, CompressionCodec, Compressors, PageHeader, SchemaElement } from 'hyparquet';
import { MAX_PARQUET_PAGE_BYTES, MAX_PARQUET_PAGE_VALUES } from '../../base/limits.js';

/** Values beyond those of its page that the last group of a packed run may have, since writers fill groups up. */
const MAX_FILLED = 504;

/** Levels and the type of a column, by which its pages are read. */
interface Column {
  name: string;
  codec: CompressionCodec;
  boolean: boolean;
  repetition: number;
  definition: number;
}

/**
 * Refuses, with an Error, pages that claim sizes beyond the limits, runs that are longer than their page, columns whose
 * pages have other numbers of values than the file's metadata says, and columns with fewer values than rows.
 */
export async function pageCheck(
  file: AsyncBuffer,
  schema: SchemaElement[],
  compressors: Compressors,
): Promise<(column: ColumnMetaData, rows: number) => Promise<void>> {
  const [{ parquetHeader }, { decompressPage }, { getMaxDefinitionLevel, getMaxRepetitionLevel, getSchemaPath }] =
    await Promise.all([
      import('hyparquet/src/column.js'),
      import('hyparquet/src/datapage.js'),
      import('hyparquet/src/schema.js'),
    ]);

  /** Looks at the levels of a page, and at its values where they are runs. */
  function checkRuns(packed: Uint8Array, header: PageHeader, column: Column): void {
    const unpacked = (bytes: Uint8Array, size: number) => decompressPage(bytes, size, column.codec, compressors);
    const { data_page_header: first, data_page_header_v2: second } = header;
    if (first) {
      const bytes = unpacked(packed, Number(header.uncompressed_page_size));
      const view = viewOf(bytes);
      let at = 0;
      for (const level of [column.repetition, column.definition]) {
        if (level === 0) continue;
        const length = view.getUint32(at, true);
        checkHybrid(view, at + 4, widthOf(level), first.num_values, column.name);
        at += 4 + length;
      }
      checkValues(view, at, first.encoding, first.num_values, column);
    } else if (second) {
      const { repetition_levels_byte_length: repetition, definition_levels_byte_length: definition } = second;
      const view = viewOf(packed);
      if (column.repetition > 0) checkHybrid(view, 0, widthOf(column.repetition), second.num_values, column.name);
      if (column.definition > 0)
        checkHybrid(view, repetition, widthOf(column.definition), second.num_values, column.name);
      const rest = packed.subarray(repetition + definition);
      const size = Number(header.uncompressed_page_size) - repetition - definition;
      const bytes = second.is_compressed !== false && size !== 0 ? unpacked(rest, size) : rest;
      checkValues(viewOf(bytes), 0, second.encoding, second.num_values, column);
    }
  }

  return async (metadata, rows) => {
    const { codec, type, dictionary_page_offset, data_page_offset, total_compressed_size } = metadata;
    const path = getSchemaPath(schema, metadata.path_in_schema);
    const column: Column = {
      name: `column "${metadata.path_in_schema.join('.')}"`,
      codec,
      boolean: type === 'BOOLEAN',
      repetition: getMaxRepetitionLevel(path),
      definition: getMaxDefinitionLevel(path),
    };
    const { name } = column;
    const start = Number(dictionary_page_offset || data_page_offset);
    const view = new DataView(await file.slice(start, start + Number(total_compressed_size)));
    const reader = { view, offset: 0 };
    let values = 0;
    while (reader.offset < view.byteLength - 1) {
      const header = parquetHeader(reader);
      const data = header.data_page_header ?? header.data_page_header_v2;
      const claim = (what: string, count: number, most: number) => {
        if (count >= 0 && count <= most) return;
        throw new Error(`a page of ${name} claims ${count} ${what}; the limit is ${most}`);
      };
      const size = Number(header.compressed_page_size);
      claim('values', (data ?? header.dictionary_page_header)?.num_values ?? 0, MAX_PARQUET_PAGE_VALUES);
      claim('bytes', Number(header.uncompressed_page_size), MAX_PARQUET_PAGE_BYTES);
      claim('packed bytes', size, view.byteLength - reader.offset);
      values += data?.num_values ?? 0;
      // A few bytes may stand for millions of repeated values, so a page must not have more than its file knows of.
      if (values > Number(metadata.num_values)) break;
      if (data) checkRuns(new Uint8Array(view.buffer, view.byteOffset + reader.offset, size), header, column);
      reader.offset += size;
    }
    if (values !== Number(metadata.num_values))
      throw new Error(`the pages of ${name} claim ${values} values, its file ${metadata.num_values}`);
    if (!(values >= rows)) throw new Error(`${name} has ${values} values for ${rows} rows`);
  };
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => new DataView(buffer, byteOffset, byteLength);

/** Bits of a level of at most `most`. */
const widthOf = (most: number) => 32 - Math.clz32(most);

function checkValues(view: DataView, at: number, encoding: string, values: number, column: Column): void {
  if (column.boolean && encoding === 'RLE') checkHybrid(view, at + 4, 1, values, column.name);
  else if (encoding.endsWith('_DICTIONARY') && at < view.byteLength)
    checkHybrid(view, at + 1, view.getUint8(at), values, column.name);
}

/** The runs of the RLE and bit-packing hybrid (Parquet's Encodings.md): each a count, and one value or packed ones. */
function checkHybrid(view: DataView, from: number, width: number, values: number, name: string): void {
  let at = from;
  let seen = 0;
  while (seen < values && at < view.byteLength) {
    let header = 0;
    for (let shift = 0; at < view.byteLength; shift += 7) {
      const byte = view.getUint8(at++);
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const packed = header % 2 === 1;
    const count = packed ? 8 * ((header - 1) / 2) : header / 2;
    if (count > values - seen + (packed ? MAX_FILLED : 0))
      throw new Error(`a run of ${name} claims ${count} values in a page that has ${values - seen} left`);
    at += packed ? (count / 8) * width : Math.ceil(width / 8);
    seen += count;
    // An empty run would be followed for ever.
    if (count === 0 && at >= view.byteLength) break;
  }
}
