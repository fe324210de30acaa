/** What the inspector's page shares with its server. Runs in a browser. */
export { filterRollouts, PAGE } from './filter.js';
export type * from './types.js';
