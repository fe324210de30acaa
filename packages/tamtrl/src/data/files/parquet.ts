/**
 * Rows of parquet files. This file combines the parts of hyparquet itself, because its own reader leaves failures in
 * some columns of damaged files unhandled, which ends the process, and because a page may claim any size.
 */
import { type FileHandle, open } from 'node:fs/promises';
import type { AsyncBuffer } from 'hyparquet';
import { libraryReason } from '../../base/errors.js';
import { DataError } from '../errors.js';
import { pageCheck } from './parquet-pages.js';

type Hyparquet = typeof import('hyparquet') &
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
    const checkPages = await pageCheck(file, metadata.schema, compressors);
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rows = Number(group.num_rows);
      const rowEnd = rowStart + rows;
      for (const { meta_data } of group.columns) if (meta_data) await checkPages(meta_data, rows);
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
