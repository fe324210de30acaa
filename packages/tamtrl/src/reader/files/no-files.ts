/** Stands in for `opened-file.ts` in bundles for browsers and the edge, which would otherwise hold every parser. */
import { ReaderError } from '../errors.js';

/** @throws ReaderError `input` always. */
// biome-ignore lint/correctness/useYield: it has nothing to give, but the form of what it stands in for.
export async function* textAt(file: string | URL): AsyncGenerator<never> {
  throw new ReaderError(
    'input',
    `Cannot read the file ${file}: this program was bundled for a runtime without files. Read it elsewhere, and pass its text or bytes.`,
  );
}

/** Nothing is known of it. */
export async function charactersAt(_file: string | URL): Promise<undefined> {}

export async function kindOfPath(_path: string): Promise<undefined> {}

/** @throws ReaderError `input` always. */
// biome-ignore lint/correctness/useYield: as above.
export async function* loadDocument(
  source: URL | Uint8Array | AsyncIterable<Uint8Array>,
  _options?: object,
): AsyncGenerator<never> {
  throw new ReaderError(
    'input',
    `Cannot read ${source instanceof URL ? source.href : 'these bytes'}: this program was bundled for a runtime without files. Fetch the text, and pass it.`,
  );
}

/** Bytes are read as text. */
export const isText = (_head: Uint8Array, _name: string): boolean => true;

export const hasParsers: boolean = false;
