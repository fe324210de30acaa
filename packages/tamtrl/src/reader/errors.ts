/** Refusals and failures of the reader. */
import type { ReaderState } from './state.js';

export type ReaderErrorKind =
  /** There is nothing to read. */
  | 'empty'
  /** The input is no text. */
  | 'input'
  /** A saved state does not fit the questions, the model or the text. */
  | 'state'
  /** The model failed within a turn; `state` holds all turns before it. */
  | 'interrupted';

/** What happened, what was expected, and what to do. */
export class ReaderError extends Error {
  override readonly name: string = 'ReaderError';
  readonly kind: ReaderErrorKind;
  /** Of kind `interrupted`: where to go on. */
  readonly state?: ReaderState;

  constructor(kind: ReaderErrorKind, message: string, options: { cause?: unknown; state?: ReaderState } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.state = options.state;
  }

  static isInstance(error: unknown, kind?: ReaderErrorKind): error is ReaderError {
    return (
      error instanceof Error &&
      error.name === 'ReaderError' &&
      (kind === undefined || (error as ReaderError).kind === kind)
    );
  }
}
