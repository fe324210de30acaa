/** Errors of the policy room. */
import { TamtrlError } from '../base/errors.js';

export type PolicyErrorKind =
  | 'runtime-missing'
  | 'tokenizer'
  | 'capability'
  | 'invalid-argument'
  /** A server does not answer, or does not answer in time. */
  | 'unreachable'
  /** A server refuses the key, the model's name or the request. */
  | 'refused'
  /** A server's reply cannot be understood. */
  | 'protocol';

/** Says what happened, what was expected, and what to do. */
export class PolicyError extends TamtrlError<PolicyErrorKind> {
  static override readonly errorName: string = 'PolicyError';
}
