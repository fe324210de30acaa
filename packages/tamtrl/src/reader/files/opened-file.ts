/** Where files, addresses and Blobs are read. The package's `browser` field replaces this module by `no-files.ts`. */

export { loadDocument } from '../load-document.js';
export { loadText } from './load.js';
export { charactersOf } from './named.js';
export const hasParsers: boolean = true;
