/** The text of several files, as `tamtrl ask` reads it. */
import { basename } from 'node:path';
import { textOf } from '../input.js';
import { loadText } from './load.js';

/** Stands for the standard input among the names of files. */
export const STDIN = '-';

/** Several files become one text, each under its name. */
export async function* textOfFiles(paths: readonly string[]): AsyncGenerator<string> {
  for (const path of paths) {
    if (paths.length > 1) yield `${path === STDIN ? 'Input' : basename(path)}:\n\n`;
    if (path === STDIN) yield* textOf(process.stdin as AsyncIterable<Uint8Array>);
    else yield* loadText(path);
    if (paths.length > 1) yield '\n\n';
  }
}
