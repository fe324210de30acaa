/** What ends a command, and with which exit code. */
import { TamtrlError } from '../../base/errors.js';
import { LockError } from '../../base/lock.js';
import { ModelError } from '../../models/errors.js';
import { RunError } from '../../run/errors.js';

export const EXIT = {
  success: 0,
  /** Something went wrong while it ran. */
  failure: 1,
  /** Refused before anything was done: arguments, configuration, data, or parts that do not fit together. */
  refused: 2,
  /** Ctrl-C, as shells count it: 128 + SIGINT. */
  interrupted: 130,
} as const;

/** Arguments that cannot be used. The message has one line for each thing that is wrong. */
export class UsageError extends TamtrlError<'usage'> {
  static override readonly errorName = 'UsageError';

  constructor(message: string) {
    super('usage', message);
  }
}

/**
 * Kinds of known errors that the input did not cause: the machine lacks something, a server fails, or the program is
 * wrong.
 */
const OWN_FAULTS = new Set([
  'runtime-missing',
  'internal',
  'row-count',
  'shape',
  'unreachable',
  'protocol',
  'interrupted',
]);

/** Errors about what the user gave, however late they come. */
const isInput = (error: unknown) =>
  UsageError.isInstance(error) ||
  RunError.isInstance(error) ||
  ModelError.isInstance(error) ||
  LockError.isInstance(error);

/** `started`: the run had started, so the input was not at fault. */
export function exitCodeOf(error: unknown, started: boolean): number {
  if (isInput(error)) return EXIT.refused;
  return TamtrlError.isInstance(error) && !started && !OWN_FAULTS.has(error.kind) ? EXIT.refused : EXIT.failure;
}
