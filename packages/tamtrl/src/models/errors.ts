/** Refusals of the models room. */
import { TamtrlError } from '../base/errors.js';

export type ModelErrorKind =
  /** There is no model where one was named. */
  'missing';

/** What was looked for, and what to do. */
export class ModelError extends TamtrlError<ModelErrorKind> {
  static override readonly errorName = 'ModelError';
}
