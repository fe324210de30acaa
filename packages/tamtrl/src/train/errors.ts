/** Refusals of the train room: configuration, checkpoints, counts. */
import { TamtrlError } from '../base/errors.js';

export type TrainErrorKind =
  | 'config'
  | 'capability'
  | 'checkpoint'
  | 'file'
  | 'row-count'
  | 'no-data'
  | 'invalid-argument';

/** What happened, where, what was expected, and what to do. */
export class TrainError extends TamtrlError<TrainErrorKind> {
  static override readonly errorName = 'TrainError';
}
