/** Errors of the reader. */
import { TamtrlError } from '../base/errors.js';
import type { ReaderState } from './state.js';

export type ReaderErrorKind =
  /** The text is empty. */
  | 'empty'
  /** The input is not text. */
  | 'input'
  /** A saved state does not fit the questions, the model or the text. */
  | 'state'
  /** A budget is smaller than a chunk. */
  | 'budget'
  /** The model failed during a turn; `state` holds all turns before it. */
  | 'interrupted';

/** Says what happened, what was expected, and what to do. */
export class ReaderError extends TamtrlError<ReaderErrorKind> {
  static override readonly errorName = 'ReaderError';
  /** For kind `interrupted`: the state to continue from. */
  readonly state?: ReaderState;

  constructor(kind: ReaderErrorKind, message: string, options: { cause?: unknown; state?: ReaderState } = {}) {
    super(kind, message, { cause: options.cause });
    this.state = options.state;
  }
}
