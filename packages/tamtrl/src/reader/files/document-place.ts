/** How documents are named when several are read. */

/** Stands for the standard input among the names of files. */
export const STDIN = '-';

/** A document by where it is and what it is called in the text. */
export interface DocumentPlace {
  /** A file, an http(s) address, or "-" for the standard input. */
  path: string;
  /** The heading above it if there are several; by default the file's name. */
  title?: string;
  /** Found in a folder rather than named: it is left out if it cannot be read. */
  mayFail?: boolean;
}
