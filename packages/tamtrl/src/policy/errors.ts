/** Refusals of the policy room. */
import { TamtrlError } from '../base/errors.js';

export type PolicyErrorKind =
  | 'runtime-missing'
  | 'tokenizer'
  | 'capability'
  | 'invalid-argument'
  /** A server does not answer, or not in time. */
  | 'unreachable'
  /** A server answers that it will not: key, model name, request. */
  | 'refused'
  /** A server answers with what is no answer. */
  | 'protocol';

/** What happened, what was expected, and what to do. */
export class PolicyError extends TamtrlError<PolicyErrorKind> {
  static override readonly errorName = 'PolicyError';
}
