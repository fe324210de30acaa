/** What ends a command, and with which exit code. */
import { shortened, TamtrlError } from '../../base/errors.js';
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

const NOT_ALLOWED = 'You have no permission for that: check the permissions, or choose another location.';

/** What to do, by the code that the system refuses with. Never --resume: only a caller knows what has been saved. */
const SYSTEM_ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'The disk is full. Free some space first.',
  EDQUOT: 'Your disk quota is used up. Free some space first.',
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  EROFS: 'That location is read-only: choose another.',
  ENOTDIR: 'Part of the path is a file, not a folder: check the path.',
  EISDIR: 'That is a folder, not a file: check the path.',
  ENOENT: 'Check the path.',
  EMFILE: 'Too many files are open: raise the limit with "ulimit -n".',
  EIO: 'The disk reported an error: check the machine.',
};
const CODES = new RegExp(`\\b(${Object.keys(SYSTEM_ADVICE).join('|')}): `);

/** The code with which the system refused something; undefined for every other error. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code !== undefined && syscall !== undefined) return code;
  // It may be wrapped in one of our messages, or come from another thread without its code.
  return CODES.exec(error.message)?.[1];
}

/** A sentence for people; the stack if the error is not one of ours, and therefore a bug. */
export function describe(error: unknown): string {
  return shortened(sentenceOf(error));
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = systemCode(error);
  if (code !== undefined) return `${error.message.replace(/\.$/, '')}. ${SYSTEM_ADVICE[code] ?? ''}`.trimEnd();
  if (TamtrlError.isInstance(error)) return error.message;
  return error.stack ?? error.message;
}
