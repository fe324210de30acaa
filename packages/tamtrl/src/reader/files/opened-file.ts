/** Where files, addresses and Blobs are read. The package's `browser` field replaces this module by `no-files.ts`. */

export { loadDocument } from '../load-document.js';
export { isText } from './kinds.js';
export { charactersAt, kindOfPath } from './named.js';
export { textAt } from './several.js';
export const hasParsers: boolean = true;
