/** Errors of the models room. */
import { TamtrlError } from '../base/errors.js';

export type ModelErrorKind =
  /** There is no model at the given address. */
  | 'missing'
  /** The model cannot get an adapter: it has one, or it is on a server. */
  | 'adapter'
  /** The model is on a server, which has its own precision. */
  | 'precision';

/** Says what was expected, and what to do. */
export class ModelError extends TamtrlError<ModelErrorKind> {
  static override readonly errorName = 'ModelError';
}
