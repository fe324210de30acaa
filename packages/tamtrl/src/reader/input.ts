/** Turns text in any of the usual forms into a stream of strings. */
import { ReaderError } from './errors.js';

export type TextSource =
  | string
  | Uint8Array
  | Iterable<string>
  | AsyncIterable<string | Uint8Array>
  | ReadableStream<string | Uint8Array>
  /** A text file; needs a runtime with node:fs. */
  | { file: string };

/**
 * Yields the source as strings. Bytes are decoded as UTF-8.
 * @param name of the source, for messages
 * @throws ReaderError `input` if the bytes are not text.
 */
export async function* textOf(source: TextSource, name?: string): AsyncGenerator<string> {
  if (typeof source === 'string') yield source;
  else if (source instanceof Uint8Array) yield* decoded([source], name);
  else if ('file' in source) {
    const { createReadStream } = await import('node:fs');
    yield* decoded(createReadStream(source.file) as AsyncIterable<Uint8Array>, source.file);
  } else if (Symbol.asyncIterator in source) yield* decoded(source, name);
  else if (Symbol.iterator in source) yield* source;
  else yield* decoded(chunksOf(source), name);
}

/** Not every runtime's ReadableStream can be iterated. */
async function* chunksOf(stream: ReadableStream<string | Uint8Array>): AsyncGenerator<string | Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    reader.releaseLock();
  }
}

async function* decoded(
  source: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
  name = 'The input',
): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let read = 0;
  const decode = (bytes: Uint8Array, stream: boolean): string => {
    try {
      return decoder.decode(bytes, { stream });
    } catch (error) {
      throw new ReaderError(
        'input',
        `${name} is not UTF-8 text (around byte ${read}). Convert it to UTF-8 text first.`,
        {
          cause: error,
        },
      );
    }
  };
  for await (const bit of source) {
    const text = typeof bit === 'string' ? bit : decode(bit, true);
    read += bit.length;
    if (text.includes('\0'))
      throw new ReaderError('input', `${name} is binary: it has a zero byte. Convert it to text first.`);
    if (text !== '') yield text;
  }
  const rest = decode(new Uint8Array(0), false);
  if (rest !== '') yield rest;
}
