/** Errors of the data room: records, generators, relevance. */
import { TamtrlError } from '../base/errors.js';

export type DataErrorKind = 'file' | 'record' | 'annotation' | 'judge' | 'invalid-argument';

/** Says what happened, where, what was expected, and what to do. `line` counts from 1. */
export class DataError extends TamtrlError<DataErrorKind> {
  static override readonly errorName = 'DataError';
  readonly line?: number;

  constructor(kind: DataErrorKind, message: string, options: { line?: number; cause?: unknown } = {}) {
    super(kind, message, { cause: options.cause });
    this.line = options.line;
  }
}
