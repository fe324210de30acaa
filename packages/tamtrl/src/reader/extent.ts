/** Parts of a text. */

export interface Extent {
  chunks: number;
  tokens: number;
  characters: number;
}

/** Chunks that a budget leaves out. */
export interface Unread extends Extent {
  /** Where they are, in UTF-16 code units of the text; neighbours are one stretch. */
  ranges: { start: number; end: number }[];
  /** Questions of which no word was found in the text, so that its beginning is read for them; absent if none. */
  unfound?: string[];
}

/** What a reading has left out, and what the search before it did not find. */
export const unreadAfter = (left: Unread, planned: Unread | undefined): Unread => ({
  ...left,
  ...(planned?.unfound && { unfound: planned.unfound }),
});

/** Whether any of the text between two offsets is to be read. */
export type Wanted = (start: number, end: number) => boolean;
