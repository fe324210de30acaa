/** Documents of any kind for programs. The parsers are loaded when they are needed, and need Node. */
import { FUNCTION, type Rules, SIGNAL, TEXT } from '../base/option-rules.js';
import { valueText } from '../base/values.js';
import { type Bytes, bytesIn, isBlob, isBytes, nameOfBlob } from './bytes.js';
import type { DecodingOptions } from './decoding.js';
import { ReaderError } from './errors.js';
import { checkRules } from './option-rules.js';
import type { PlacedText } from './places.js';

export interface LoadDocumentOptions extends DecodingOptions {
  /** Of bytes and streams: its ending tells the kind where the first bytes do not, and messages name it. */
  name?: string;
  signal?: AbortSignal;
}

const RULES: Rules<LoadDocumentOptions> = { name: TEXT, encoding: TEXT, signal: SIGNAL, onNote: FUNCTION };

/**
 * The readable text of a document in pieces, with its places. Give it to `readDocument` or `reader.read`.
 * @param source the path of a file or a folder, an http(s) address, bytes or a Blob
 * @throws ReaderError `input` for what cannot be read, `empty` for what has no text; the signal's reason.
 */
export async function* loadDocument(
  source: string | URL | { file: string | URL } | Bytes | Blob | AsyncIterable<Uint8Array>,
  options: LoadDocumentOptions = {},
): AsyncGenerator<PlacedText> {
  checkRules(options, 'loadDocument', RULES);
  options.signal?.throwIfAborted();
  const { name = isBlob(source) ? nameOfBlob(source) : undefined, ...rest } = options;
  const called = name ?? 'The input';
  const { loadContent } = await import('./files/load.js');
  const { contentOfBytes, contentOfStream } = await import('./files/content.js');
  if (isBytes(source)) yield* loadContent(contentOfBytes(bytesIn(source), called), rest);
  else if (isBlob(source)) {
    yield* loadContent(contentOfBytes(new Uint8Array(await source.arrayBuffer()), called), rest);
  } else if ((typeof source === 'string' && source !== '') || source instanceof URL) {
    const { documentsAt, nameOfFile, textOfFiles } = await import('./files/several.js');
    yield* textOfFiles(await documentsAt(nameOfFile(source), rest.onNote), rest);
  } else if (typeof source === 'object' && source !== null && Symbol.asyncIterator in source) {
    yield* loadContent(await contentOfStream(source, called), rest);
  } else if (isFile(source)) yield* (await import('./files/several.js')).textAt(source.file, rest);
  else {
    const found = source === '' ? 'empty' : valueText(source);
    throw new ReaderError(
      'input',
      `loadDocument: the source is ${found}, expected the path of a file or a folder, a URL, bytes, a Blob or a stream of bytes.`,
    );
  }
}

function isFile(source: unknown): source is { file: string | URL } {
  if (typeof source !== 'object' || source === null || !('file' in source)) return false;
  return (typeof source.file === 'string' && source.file !== '') || source.file instanceof URL;
}
