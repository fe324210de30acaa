/** Errors of the memory room: prompts, budgets, the agent. */
import { TamtrlError } from '../base/errors.js';

export type MemoryErrorKind =
  | 'prompt-format'
  | 'window'
  | 'question-too-long'
  | 'chunk-too-long'
  | 'invalid-argument'
  /** A file that should say how a model reads. */
  | 'settings';

/** Says what happened, where, what was expected, and what to do. */
export class MemoryError extends TamtrlError<MemoryErrorKind> {
  static override readonly errorName = 'MemoryError';
}
