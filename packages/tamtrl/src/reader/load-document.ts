/** Documents of any kind for programs. The parsers are loaded when they are needed, and need Node. */
import type { DecodingOptions } from './decoding.js';
import type { PlacedText } from './places.js';

export interface LoadDocumentOptions extends DecodingOptions {
  /** Of bytes and streams: its ending tells the kind where the first bytes do not, and messages name it. */
  name?: string;
  signal?: AbortSignal;
}

/**
 * The readable text of a document in pieces, with its places. Give it to `readDocument` or `reader.read`.
 * @param source the path of a file or a folder, an http(s) address, or bytes
 * @throws ReaderError `input` for what cannot be read, `empty` for what has no text.
 */
export async function* loadDocument(
  source: string | URL | Uint8Array | AsyncIterable<Uint8Array>,
  options: LoadDocumentOptions = {},
): AsyncGenerator<PlacedText> {
  const { name = 'The input', ...rest } = options;
  const { loadContent } = await import('./files/load.js');
  if (typeof source === 'string' || source instanceof URL) {
    const { documentsAt, textOfFiles } = await import('./files/several.js');
    const address = String(source);
    const path = address.startsWith('file:') ? (await import('node:url')).fileURLToPath(address) : address;
    yield* textOfFiles(await documentsAt(path, rest.onNote), rest);
    return;
  }
  const { contentOfBytes, contentOfStream } = await import('./files/content.js');
  yield* loadContent(
    source instanceof Uint8Array ? contentOfBytes(source, name) : await contentOfStream(source, name),
    rest,
  );
}
