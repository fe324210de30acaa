/** Refusals of the run room: settings, plans and folders of runs. */
import { TamtrlError } from '../base/errors.js';

export type RunErrorKind =
  /**
   * A setting, preset, method name or configuration file that cannot be used. One line for each thing that is wrong.
   */
  | 'settings'
  /** A folder that holds no run, or a damaged one. */
  | 'no-run'
  /** A model that cannot do what the run asks of it. */
  | 'capability';

/** What was found where, what was expected, and what to do. */
export class RunError extends TamtrlError<RunErrorKind> {
  static override readonly errorName = 'RunError';
}
