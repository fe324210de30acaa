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
}

/** Whether any of the text between two offsets is to be read. */
export type Wanted = (start: number, end: number) => boolean;
