/** Refusals of the eval room. */
import { TamtrlError } from '../base/errors.js';

export type EvaluationErrorKind = 'no-data' | 'settings' | 'file' | 'invalid-argument';

/** What happened, what was expected, and what to do. */
export class EvaluationError extends TamtrlError<EvaluationErrorKind> {
  static override readonly errorName = 'EvaluationError';
}
