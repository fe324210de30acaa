/** Where commands write. Results go to `out`, everything else to `err`. */

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** `err` is a terminal whose last line can be drawn over. */
  readonly interactive: boolean;
  /** Width of that terminal. */
  readonly columns: () => number;
}

export const processIo: Io = {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  interactive: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
  // Some terminals say 0 for what they do not know.
  columns: () => process.stderr.columns || 80,
};
