/** Path of a browser that playwright-core can drive; undefined if there is none. */
export function findBrowser(): string | undefined;
