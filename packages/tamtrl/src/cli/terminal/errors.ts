/** What ends a command, and with which exit code. */
import { TamtrlError } from '../../base/errors.js';
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
  UsageError.isInstance(error) || RunError.isInstance(error) || ModelError.isInstance(error);

/** `started`: the run had begun, so that what went wrong was not the input. */
export function exitCodeOf(error: unknown, started: boolean): number {
  if (isInput(error)) return EXIT.refused;
  return TamtrlError.isInstance(error) && !started && !OWN_FAULTS.has(error.kind) ? EXIT.refused : EXIT.failure;
}

const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full. Make room, then continue with --resume: what was saved is whole.',
  EACCES: 'Writing there is not allowed. Choose another folder with --out.',
  EROFS: 'That place is read-only. Choose another folder with --out.',
  ENOTDIR: 'A part of the path is a file. Choose another folder with --out.',
};

/** A sentence for people; the stack if the error is not one of ours and so a bug. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // What the system refused may come wrapped in a sentence of ours, and from another thread without its code.
  const { code } = error as NodeJS.ErrnoException;
  const named = code ?? /\b(ENOSPC|EACCES|EROFS|ENOTDIR): /.exec(error.message)?.[1];
  const advice = named === undefined ? undefined : SYSTEM_ADVICE[named];
  if (advice) return `${error.message}. ${advice}`;
  if (TamtrlError.isInstance(error)) return error.message;
  return error.stack ?? error.message;
}
