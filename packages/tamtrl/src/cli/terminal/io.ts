/** Where commands write. Results go to `out`, everything else to `err`. */
import { withoutControls } from '../../base/controls.js';

export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** `err` is a terminal whose last line can be drawn over. */
  readonly interactive: boolean;
  /** Width of that terminal. */
  readonly columns: () => number;
  /** Removes the unfinished line from that terminal, and `lines` whole lines above it. */
  erase?(lines: number): void;
}

/** The process's own streams. Only `erase` writes control characters. */
export const processIo: Io = {
  out: (text) => void process.stdout.write(withoutControls(text)),
  err: (text) => void process.stderr.write(withoutControls(text)),
  interactive: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
  // Some terminals report 0 for unknown sizes.
  columns: () => process.stderr.columns || 80,
  erase: (lines) => void process.stderr.write(lines > 0 ? `\r\u001b[${lines}A\u001b[0J` : '\r\u001b[2K'),
};
