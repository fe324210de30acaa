/** Where `{ file }` is read. The package's `browser` field replaces this module by `no-files.ts`. */
export { loadText } from './load.js';
export { charactersOf } from './named.js';
