/** Stands in for `opened-file.ts` in bundles for browsers and the edge, which would otherwise hold every parser. */
import { ReaderError } from '../errors.js';

/** @throws ReaderError `input` always. */
// biome-ignore lint/correctness/useYield: it has nothing to give, but the form of what it stands in for.
export async function* textAt(path: string): AsyncGenerator<never> {
  throw new ReaderError(
    'input',
    `Cannot read the file ${path}: this program was bundled for a runtime without files. Read it elsewhere, and pass its text or bytes.`,
  );
}

/** Nothing is known of it. */
export async function charactersAt(): Promise<undefined> {}

/** @throws ReaderError `input` always. */
// biome-ignore lint/correctness/useYield: as above.
export async function* loadDocument(source: URL | Uint8Array, _options?: object): AsyncGenerator<never> {
  throw new ReaderError(
    'input',
    `Cannot read ${source instanceof URL ? source.href : 'these bytes'}: this program was bundled for a runtime without files. Fetch the text, and pass it.`,
  );
}

/** Blobs are read as text. */
export const hasParsers: boolean = false;
