/**
 * Rows of parquet files. This file combines the parts of hyparquet itself, because its own reader leaves failures in
 * some columns of damaged files unhandled, which ends the process, and because a page may claim any size.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { AsyncBuffer } from 'hyparquet';
import { libraryReason } from '../../base/errors.js';
import { MAX_PARQUET_PAGE_BYTES, MAX_PARQUET_PAGE_VALUES } from '../../base/limits.js';
import { DataError } from '../errors.js';

type Hyparquet = typeof import('hyparquet') &
  typeof import('hyparquet/src/column.js') &
  typeof import('hyparquet/src/read.js') &
  typeof import('hyparquet/src/rowgroup.js');

/**
 * All rows in order, a row group at a time.
 * @throws DataError `file` for a damaged file, one beyond the limits, or one of a kind that is not read.
 */
export async function* parquetRows(path: string): AsyncGenerator<unknown> {
  const { compressors } = await import('hyparquet-compressors');
  const library = await loadLibrary();
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const file = bufferOf(handle, size);
    // Geometry is not read, and looking for it never ends in some damaged files.
    const metadata = await library.parquetMetadataAsync(file, { geoparquet: false });
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rows = Number(group.num_rows);
      const rowEnd = rowStart + rows;
      for (const { meta_data } of group.columns) if (meta_data) await checkPages(file, meta_data, rows, library);
      yield* await rowsOf(library, { file, metadata, compressors, rowStart, rowEnd });
      rowStart = rowEnd;
    }
  } catch (error) {
    if (DataError.isInstance(error)) throw error;
    throw new DataError(
      'file',
      `Cannot read ${path} as parquet (${libraryReason(error, 'its parts do not fit together')}). The file is damaged or of an unsupported kind: copy or download it again.`,
      { cause: error },
    );
  } finally {
    await handle.close();
  }
}

async function loadLibrary(): Promise<Hyparquet> {
  const parts = await Promise.all([
    import('hyparquet'),
    import('hyparquet/src/column.js'),
    import('hyparquet/src/read.js'),
    import('hyparquet/src/rowgroup.js'),
  ]);
  return Object.assign({}, ...parts) as Hyparquet;
}

function bufferOf(handle: FileHandle, size: number): AsyncBuffer {
  return {
    byteLength: size,
    async slice(start, end = size) {
      if (!(start >= 0 && start <= end && end <= size)) {
        throw new Error(`a part of it lies at bytes ${start} to ${end} of ${size}`);
      }
      const bytes = new Uint8Array(end - start);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      return bytes.buffer.slice(0, bytesRead);
    },
  };
}

type ReadOptions = Parameters<Hyparquet['parquetReadAsync']>[0] &
  Required<Pick<Parameters<Hyparquet['parquetReadAsync']>[0], 'metadata'>>;

/** The rows of one row group. Every promise that the library makes is waited for, so that no failure is lost. */
async function rowsOf(library: Hyparquet, options: ReadOptions): Promise<unknown[]> {
  // Nothing is read before the library has returned: if it throws midway, its columns have not failed yet.
  let begin = () => {};
  const ready = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const file = {
    ...options.file,
    slice: (start: number, end?: number) => ready.then(() => options.file.slice(start, end)),
  };
  const groups = library.parquetReadAsync({ ...options, file });
  begin();
  await settled(groups);
  const schema = library.parquetSchema(options.metadata);
  const assembled = groups.map((group) => library.assembleAsync(group, schema));
  await settled(assembled);
  const rows: unknown[] = [];
  for (const group of assembled) {
    for (const row of await library.asyncGroupToRows(group, 0, group.groupRows, undefined, 'object')) rows.push(row);
  }
  return rows;
}

/** Waits for all columns. @throws the failure of the first that failed. */
async function settled(groups: readonly { asyncColumns: readonly { data: PromiseLike<unknown> }[] }[]): Promise<void> {
  const results = await Promise.allSettled(groups.flatMap((group) => group.asyncColumns.map(({ data }) => data)));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

type ColumnMetadata = NonNullable<
  Awaited<ReturnType<Hyparquet['parquetMetadataAsync']>>['row_groups'][number]['columns'][number]['meta_data']
>;

/**
 * Refuses pages that claim sizes beyond the limits, columns whose pages have other numbers of values than the file's
 * metadata says, and columns with fewer values than rows: the library would take the memory first and look afterwards.
 */
async function checkPages(file: AsyncBuffer, column: ColumnMetadata, rows: number, library: Hyparquet): Promise<void> {
  const { dictionary_page_offset, data_page_offset, total_compressed_size, path_in_schema, num_values } = column;
  const name = `column "${path_in_schema.join('.')}"`;
  const start = Number(dictionary_page_offset || data_page_offset);
  const view = new DataView(await file.slice(start, start + Number(total_compressed_size)));
  const reader = { view, offset: 0 };
  let values = 0;
  while (reader.offset < view.byteLength - 1) {
    const header = library.parquetHeader(reader);
    const data = header.data_page_header ?? header.data_page_header_v2;
    const claim = (what: string, count: number, most: number) => {
      if (count >= 0 && count <= most) return;
      throw new Error(`a page of ${name} claims ${count} ${what}; the limit is ${most}`);
    };
    claim('values', (data ?? header.dictionary_page_header)?.num_values ?? 0, MAX_PARQUET_PAGE_VALUES);
    claim('bytes', Number(header.uncompressed_page_size), MAX_PARQUET_PAGE_BYTES);
    claim('packed bytes', Number(header.compressed_page_size), view.byteLength - reader.offset);
    reader.offset += Number(header.compressed_page_size);
    values += data?.num_values ?? 0;
  }
  // A few bytes may stand for millions of repeated values, so a page must not have more than its file knows of.
  if (values !== Number(num_values))
    throw new Error(`the pages of ${name} claim ${values} values, its file ${num_values}`);
  if (!(values >= rows)) throw new Error(`${name} has ${values} values for ${rows} rows`);
}
